#pragma once

#include <deneb/search/search_algorithm.h>

#include <memory>
#include <optional>
#include <pagmo/threading.hpp>
#include <pagmo/types.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "budget_sampler.h"
#include "reference_points.h"

namespace deneb::quant_ea {

/// Turns genomes into trials and trials into minimised objective rows, and keeps them all (the
/// archive). A gene is the rank of a candidate among those of its gene by width, narrowest first,
/// so that a step to the next rank is a step in cost. A trial that failed or breaks a limit gets a
/// penalty: the worst value of the successful trials so far plus one, in every objective, so that
/// it never reaches a front.
class TrialArchive {
 public:
  /// `windows`: where new policies are looked for, any one of them; empty = everywhere. Each range
  /// alone is one window. What evaluate() gets is tried inside or outside of them.
  TrialArchive(SearchContext& context, std::vector<Objective> objectives,
               std::vector<searches::CostRange> windows = {});

  /// Largest rank of each gene.
  const std::vector<int>& upper() const { return upper_; }
  BitPolicy decode(const Point& genome) const;
  /// Of indices into the candidates of each gene.
  Point from_indices(const std::vector<int>& indices) const;
  /// Inverse of decode; ConfigError when the policy is not in the space.
  Point encode(const BitPolicy& policy) const;

  /// Evaluates one batch; rows in the order of genomes. Throws what the context throws; RunError
  /// while no trial at all has succeeded, since a penalty has nothing to go by then.
  Points evaluate(const Points& genomes, const std::string& origin);
  /// The same with an origin for each.
  Points evaluate(const Points& genomes, const std::vector<std::string>& origins);
  bool within_limits(const Point& genome) const;
  /// Seen before, or outside of the limits or of all windows: not worth a trial.
  bool avoid(const Point& genome) const;
  /// Narrows genes, drawn at random, by one rank each until the limits are kept. Under a tight
  /// limit nearly every random genome breaks it.
  void repair(Point& genome, std::mt19937_64& rng) const;

  const std::vector<Objective>& objectives() const { return objectives_; }
  const std::vector<BitPolicy>& policies() const { return policies_; }
  const std::vector<TrialResult>& results() const { return results_; }
  const Point& genome(std::size_t i) const { return genomes_[i]; }
  /// Minimised objectives of a successful trial; empty for others.
  const Point& row(std::size_t i) const { return rows_[i]; }
  /// Indices into policies() of the Pareto set of successful trials, ascending.
  const std::vector<std::size_t>& front() const { return front_; }
  Points front_rows() const;

  /// Smallest and largest value of each objective over all successful trials.
  std::pair<Point, Point> span() const;
  /// From now on scaled() maps what span() says now to [0, 1] in each objective.
  void fix_scale() { scale_ = span(); }
  /// Some of pagmo's algorithms compare objectives with each other: accuracy with operations.
  Point scaled(Point row) const;

 private:
  std::vector<int> to_indices(const Point& genome) const;
  bool in_a_window(const BitPolicy& policy) const;
  Point minimised(const TrialResult& result) const;
  void add_to_front(std::size_t i);

  SearchContext& context_;
  std::vector<Objective> objectives_;
  std::vector<searches::CostRange> windows_;
  std::vector<std::vector<int>> index_of_rank_;  // of each gene
  std::vector<int> upper_;
  Points genomes_, rows_;
  std::vector<BitPolicy> policies_;
  std::vector<TrialResult> results_;
  std::vector<std::size_t> front_;
  std::set<Point> seen_;
  Point worst_;  // of each minimised objective; empty before the first success
  std::optional<std::pair<Point, Point>> scale_;
};

/// The pagmo problem over an archive: one gene per decision, fitness scaled. pagmo copies problems,
/// so the archive is shared.
class TrialProblem {
 public:
  /// Integer genes; the same with two values at least, which pagmo's algorithms ask for (both mean
  /// the same where a gene has one candidate); or real ones that are rounded, for algorithms that
  /// know no integers.
  enum class Genes { kInteger, kTwoOrMore, kRounded };
  TrialProblem() = default;  // pagmo asks for it; such a problem cannot evaluate
  /// `origin`: of the trials, for reports; may change between two calls.
  TrialProblem(std::shared_ptr<TrialArchive> archive, std::shared_ptr<std::string> origin,
               Genes genes)
      : archive_(std::move(archive)), origin_(std::move(origin)), genes_(genes) {}

  pagmo::vector_double fitness(const pagmo::vector_double& genome) const;
  pagmo::vector_double batch_fitness(const pagmo::vector_double& genomes) const;
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const;
  pagmo::vector_double::size_type get_nobj() const;
  pagmo::vector_double::size_type get_nix() const;
  pagmo::thread_safety get_thread_safety() const { return pagmo::thread_safety::none; }
  std::string get_name() const { return "mixed-precision policy"; }

 private:
  Points evaluate(Points genomes) const;
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
  Genes genes_ = Genes::kInteger;
};

}  // namespace deneb::quant_ea
