#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "evolution_options.h"
#include "genotype.h"

namespace deneb::emq {

/// What a proxy is worth.
struct Judgment {
  double fitness = 0;       ///< larger is better; finite
  std::uint64_t order = 0;  ///< equal for proxies that rank the policies alike
  std::string rejected;     ///< a word for the reason; empty = it is valid
};

struct Member {
  Genotype genotype;
  double fitness = 0;
  std::uint64_t order = 0;
};

/// EMQ's evolution with diversity-prompting selection, over any fitness. It stands still between
/// two calls of advance() and can be saved there; what follows depends on the seed and the number
/// of the step alone, so that it goes on from there as if it had never stopped.
class Evolution {
 public:
  using Judge = std::function<Judgment(const Genotype&)>;

  /// `judge` is asked once for all genotypes with the same canonical form.
  Evolution(const EvolutionOptions& options, GenePool pool, std::uint64_t seed, Judge judge);

  bool done() const;
  /// A draw for the first population, or a generation. RunError when draws give too few valid
  /// proxies.
  void advance();

  /// Best first; of equal ones the older.
  const std::vector<Member>& population() const { return population_; }
  std::int64_t iteration() const { return iteration_; }  ///< generations so far
  /// After every generation, the first population's before them.
  const std::vector<double>& best() const { return best_; }
  const std::vector<double>& mean() const { return mean_; }
  /// "drawn", "bred" (proxies that came up), "repeated" (known by their canonical form), "judged",
  /// "same_order" (judged to rank as another one did), "offspring_joined", "newcomer_joined",
  /// "rejected_<reason>" of those judged.
  const std::map<std::string, std::int64_t>& counts() const { return counts_; }

  nlohmann::ordered_json state() const;
  /// DataError for what is no state of such an evolution.
  void restore(const nlohmann::ordered_json& state);

 private:
  const Judgment& judged(const Genotype& genotype);
  bool may_join(const Judgment& judgment) const;
  void join(const Genotype& genotype, const Judgment& judgment);
  void draw_member();
  void generation();
  void note();

  EvolutionOptions options_;
  GenePool pool_;
  std::uint64_t seed_;
  Judge judge_;
  std::vector<Member> population_;
  std::int64_t draws_ = 0, iteration_ = 0;
  std::map<std::string, Judgment> known_;  // by canonical form
  std::map<std::uint64_t, std::int64_t> orders_;
  std::map<std::string, std::int64_t> counts_;
  std::vector<double> best_, mean_;
};

}  // namespace deneb::emq
