#pragma once

#include <deneb/search/search_algorithm.h>

#include <map>
#include <memory>
#include <pagmo/threading.hpp>
#include <pagmo/types.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace deneb::quant_ea {

/// Turns genomes into trials and trials into minimised objective rows, and keeps them all (the
/// archive). A trial that failed or breaks a limit gets a penalty: the worst value of the
/// successful trials so far plus one, in every objective, so that it never reaches a front.
class TrialArchive {
 public:
  TrialArchive(SearchContext& context, std::vector<Objective> objectives);

  /// Evaluates one batch; rows in the order of genomes. Throws what the context throws; RunError
  /// while no trial at all has succeeded, since a penalty has nothing to go by then.
  std::vector<std::vector<double>> evaluate(const std::vector<std::vector<double>>& genomes,
                                            const std::string& origin);
  bool within_limits(const std::vector<double>& genome) const;
  /// Seen before, or outside of the limits: not worth a trial.
  bool avoid(const std::vector<double>& genome) const;
  /// Takes genes, drawn at random, to their narrowest candidate until the limits are kept. Under a
  /// tight limit nearly every random genome breaks it.
  void repair(std::vector<double>& genome, std::mt19937_64& rng) const;

  const std::vector<Objective>& objectives() const { return objectives_; }
  const std::vector<BitPolicy>& policies() const { return policies_; }
  const std::vector<TrialResult>& results() const { return results_; }
  /// Indices into policies() of the Pareto set of successful trials.
  std::vector<std::size_t> front() const;
  std::vector<int> genome(std::size_t i) const { return genomes_[i]; }
  const SearchContext& context() const { return context_; }

 private:
  std::vector<double> minimised(const TrialResult& result) const;
  SearchContext& context_;
  std::vector<Objective> objectives_;
  std::vector<std::vector<int>> genomes_;
  std::vector<BitPolicy> policies_;
  std::vector<TrialResult> results_;
  std::set<std::vector<int>> seen_;
  std::vector<double> worst_;  // of each minimised objective; empty before the first success
};

/// The pagmo problem over an archive: one integer gene per decision. pagmo copies problems, so the
/// archive is shared.
class TrialProblem {
 public:
  TrialProblem() = default;  // pagmo asks for it; such a problem cannot evaluate
  TrialProblem(std::shared_ptr<TrialArchive> archive, std::shared_ptr<std::string> origin)
      : archive_(std::move(archive)), origin_(std::move(origin)) {}

  pagmo::vector_double fitness(const pagmo::vector_double& genome) const;
  pagmo::vector_double batch_fitness(const pagmo::vector_double& genomes) const;
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const;
  pagmo::vector_double::size_type get_nobj() const;
  pagmo::vector_double::size_type get_nix() const { return get_bounds().first.size(); }
  pagmo::thread_safety get_thread_safety() const { return pagmo::thread_safety::none; }
  std::string get_name() const { return "mixed-precision policy"; }

 private:
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
};

}  // namespace deneb::quant_ea
