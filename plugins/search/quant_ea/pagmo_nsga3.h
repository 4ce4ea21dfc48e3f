#pragma once

#include <boost/optional.hpp>
#include <functional>
#include <pagmo/algorithm.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/s11n.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "nsga3.h"

namespace deneb::quant_ea {

/// NSGA-III as a pagmo user-defined algorithm on top of Nsga3Core.
///
/// For box-bounded problems with at least two objectives, without constraints and not stochastic,
/// with finite bounds that differ, and populations of 4 or more. What the normalization remembers
/// carries over to the next call of evolve() if it receives the population that the last call
/// returned, so that ten calls of one generation equal one call of ten.
/// Thread safety as usual in pagmo: one object per thread.
class Nsga3 {
 public:
  /// Generation, evaluations since the call, smallest value seen of each objective.
  using LogLine = std::tuple<unsigned, unsigned long long, Point>;
  using Log = std::vector<LogLine>;

  /// Throws std::invalid_argument for settings outside the documented ranges.
  explicit Nsga3(Nsga3Options options = {});

  pagmo::population evolve(pagmo::population population) const;

  /// Restarts the generator and forgets what earlier calls have left.
  void set_seed(unsigned seed);
  bool has_set_seed() const { return true; }
  unsigned get_seed() const { return options_.seed; }
  /// Logs every `level` generations, 0 none; the default is 1. Nothing is printed.
  void set_verbosity(unsigned level) { verbosity_ = level; }
  unsigned get_verbosity() const { return verbosity_; }
  /// Genomes to avoid, as in Nsga3Core::ask(). Not serialized.
  void set_duplicate_filter(DuplicateFilter filter) { is_duplicate_ = std::move(filter); }
  /// Where parents may come from beside the population, asked before every generation, as in
  /// Nsga3Core::ask(). Not serialized.
  void set_archive(std::function<Points()> archive) { archive_ = std::move(archive); }
  /// Evaluates each generation in one call of the batch evaluator.
  void set_bfe(const pagmo::bfe& evaluator) { evaluator_ = evaluator; }
  const Log& get_log() const { return log_; }
  const Nsga3Options& options() const { return options_; }
  std::string get_name() const { return "NSGA-III"; }
  std::string get_extra_info() const;

 private:
  friend class boost::serialization::access;
  template <typename Archive>
  void save(Archive& archive, unsigned version) const;
  template <typename Archive>
  void load(Archive& archive, unsigned version);
  BOOST_SERIALIZATION_SPLIT_MEMBER()

  Nsga3Options options_;
  unsigned verbosity_ = 1;
  boost::optional<pagmo::bfe> evaluator_;
  DuplicateFilter is_duplicate_;
  std::function<Points()> archive_;
  // evolve() is const in pagmo; generator, memory and log change all the same, as in pagmo's own.
  mutable Nsga3State state_;
  mutable Log log_;
};

}  // namespace deneb::quant_ea

PAGMO_S11N_ALGORITHM_EXPORT_KEY(deneb::quant_ea::Nsga3)
