#include "assignment_search.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include <deneb/io/files.h>

#include "cbc_solver.h"
#include "exact_assignment.h"
#include "score_figures.h"

namespace deneb::searches {
namespace {

using nlohmann::ordered_json;

AssignmentQuery query_of(const AssignmentOptions& options, const ConstraintSet& set) {
  return {set, set.alpha.value_or(options.alpha), set.bits.empty() ? options.bits : set.bits,
          set.fixed_act_bits.value_or(options.fixed_act_bits), options.fill};
}

KnapsackSolution solve(const AssignmentOptions& options, const KnapsackProblem& problem) {
  if (options.solver == "cbc") return solve_by_cbc(problem);
  KnapsackOptions knapsack;
  knapsack.max_states = options.max_states;
  return solve_multiple_choice_knapsack(problem, knapsack);
}

// The sets of the pipeline, then those of the sweep.
std::vector<ConstraintSet> all_sets(const AssignmentSolver& solver,
                                    const AssignmentOptions& options) {
  std::vector<ConstraintSet> sets = options.constraints;
  if (!options.sweep.is_set()) return sets;
  const std::vector<ConstraintSet> more = solver.sweep(options.sweep, query_of(options, {}));
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

// `examined`: did the solver look for others than the best?
ordered_json to_json(const Assignment& a, bool examined) {
  const auto number = [&](double value) {
    return a.optimal ? ordered_json(value) : ordered_json();
  };
  const auto count = [&](std::int64_t n) { return a.optimal ? ordered_json(n) : ordered_json(); };
  const auto& second = a.solution.second_best;
  return {{"name", a.name},
          {"status", a.optimal ? "optimal" : "infeasible"},
          {"objective", number(a.solution.cost)},
          {"bound", number(a.solution.bound)},
          {"unique", examined ? ordered_json(a.solution.unique) : ordered_json()},
          {"second_best", second ? ordered_json(*second) : ordered_json()},
          {"weight_bits", a.weight_bits},
          {"activation_bits", a.activation_bits},
          {"bitops", count(a.totals.bitops)},
          {"searched_bitops", count(a.totals.searched_bitops)},
          {"weight_bits_total", count(a.totals.weight_bits)},
          {"searched_weight_bits", count(a.totals.searched_weight_bits)},
          {"compression_ratio", number(a.totals.compression_ratio)},
          {"seconds", a.solution.seconds},
          {"reason", a.reason}};
}

// The same for every layer and format: enough to check limits before there are scores.
LayerScores equal_scores(const SearchSpace& space) {
  LayerScores scores;
  for (const LayerInfo& layer : space.network().layers)
    scores.layers.push_back({layer.name, {}, {}});
  for (const Gene& gene : space.genes()) {
    for (const std::size_t layer : gene.layers) {
      for (const Format& format : gene.candidates) {
        if (gene.role != Gene::Role::kActivation) scores.layers[layer].weight[format.text()] = 1;
        if (gene.role != Gene::Role::kWeight) scores.layers[layer].activation[format.text()] = 1;
      }
    }
  }
  return scores;
}

// By what the results are compared: the sum of the scores, and what the sets bound.
std::vector<Objective> objectives_of(const SearchSetup& setup, const AssignmentOptions& options) {
  std::vector<Objective> objectives = {{"score", Direction::kMinimize}};
  std::vector<std::string> costs;
  bool bitops = options.sweep.bitops > 0, size = options.sweep.size > 0;
  for (const ConstraintSet& set : options.constraints) {
    bitops = bitops || set.bitops.is_set();
    size = size || set.size_mib > 0 || set.compression_ratio > 0;
    for (const CostLimit& limit : set.costs) costs.push_back(limit.cost);
  }
  // Mean widths and times are no measures; then these two tell most.
  const bool none = !bitops && !size && costs.empty();
  if (size || none) costs.insert(costs.begin(), "size");
  if (bitops || none) costs.insert(costs.begin(), "bitops");
  const std::vector<Objective> measures = setup.measures();
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto is_it = [&](const Objective& measure) { return measure.name == costs[i]; };
    const bool repeated = std::find(costs.begin(), costs.begin() + std::ptrdiff_t(i), costs[i]) !=
                          costs.begin() + std::ptrdiff_t(i);
    if (!repeated && std::any_of(measures.begin(), measures.end(), is_it)) {
      objectives.push_back({costs[i], Direction::kMinimize});
    }
  }
  return objectives;
}

}  // namespace

ScoresFile scores_in(SearchContext& context, const std::string& option) {
  ScoresFile file;
  file.path = option.empty() ? context.input("layer_scores") : option;
  file.scores = read_layer_scores(file.path);
  const std::string& origin = file.scores.origin;
  context.log("scores: " + file.path + (origin.empty() ? "" : " (" + origin + ")"));
  return file;
}

void check_assignment(const SearchSetup& setup, const LayerScores& scores,
                      const AssignmentOptions& options, const std::string& source) {
  if (options.solver == "cbc" && !has_cbc()) {
    throw ConfigError(
        "search_algorithm.solver: this build is without CBC; install coinor-libcbc-dev and build "
        "again, or use mckp");
  }
  const AssignmentSolver solver(setup, scores, options, source);
  for (const ConstraintSet& set : all_sets(solver, options)) solver.check(query_of(options, set));
}

void check_assignment(const SearchSetup& setup, const AssignmentOptions& options) {
  check_assignment(setup, equal_scores(setup.space()), options, "scores to come");
}

SearchResult assign(SearchContext& context, const LayerScores& scores,
                    const AssignmentOptions& options, const std::string& source) {
  const AssignmentSolver solver(context, scores, options, source);
  const auto solve_problem = [&](const KnapsackProblem& problem) {
    return solve(options, problem);
  };
  auto solutions = ordered_json::array();
  SearchResult result;
  result.objectives = objectives_of(context, options);
  result.figures = score_figures(scores);
  result.heat_maps = score_heat_maps(scores);
  std::string infeasible;
  const std::vector<ConstraintSet> sets = all_sets(solver, options);
  for (const ConstraintSet& set : sets) {
    const Assignment found = solver.solve(query_of(options, set), solve_problem);
    solutions.push_back(to_json(found, options.solver == "mckp"));
    context.progress(std::int64_t(solutions.size()), std::int64_t(sets.size()), set.name);
    if (!found.optimal) {
      context.log("set '" + set.name + "' cannot be kept: " + found.reason);
      // The corners of a sweep may ask for too much at once; nobody chose them.
      if (solutions.size() > options.constraints.size()) continue;
      infeasible += (infeasible.empty() ? "" : "; ") + set.name + ": " + found.reason;
      continue;
    }
    if (options.solver == "mckp" && !found.solution.second_best) {
      context.log("set '" + set.name + "': no other policy keeps it, nothing was left to choose");
    }
    Candidate candidate;
    candidate.name = set.name;
    candidate.policy = found.policy;
    for (const auto& [name, value] : context.costs(found.policy)) candidate.metrics[name] = value;
    candidate.metrics["score"] = found.solution.cost;
    candidate.metrics["compression_ratio"] = found.totals.compression_ratio;
    result.candidates.push_back(std::move(candidate));
  }
  write_file_atomically(context.artifact_path("solutions.json"), solutions.dump(1) + "\n");
  if (!infeasible.empty() && !options.allow_infeasible) {
    result.failure =
        "constraints that cannot be kept (allow_infeasible goes on without them): " + infeasible;
  }
  return result;
}

}  // namespace deneb::searches
