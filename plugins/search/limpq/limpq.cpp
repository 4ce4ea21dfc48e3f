#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>
#include <deneb/search/search_algorithm.h>

#include "assignment.h"
#include "cbc_solver.h"
#include "importance_cost.h"
#include "indicator_figures.h"
#include "indicator_training.h"
#include "layer_probe.h"

namespace {

using namespace deneb::limpq;
using nlohmann::ordered_json;

Task task_of(const LimpqOptions& options, const ConstraintSet& set) {
  Task task{set, set.alpha.value_or(options.alpha), set.bits.empty() ? options.bits : set.bits,
            set.fixed_act_bits.value_or(options.fixed_act_bits)};
  std::sort(task.bits.begin(), task.bits.end(), std::greater<>());
  return task;
}

deneb::KnapsackSolution solve(const LimpqOptions& options, const deneb::KnapsackProblem& problem) {
  if (options.solver == "cbc") return deneb::limpq::solve_by_cbc(problem);
  deneb::KnapsackOptions knapsack;
  knapsack.max_states = options.max_states;
  return deneb::solve_multiple_choice_knapsack(problem, knapsack);
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

constexpr const char* kTrain = "train";
constexpr const char* kProbe = "probe";

// All widths that indicators are needed for, descending.
std::vector<int> widths_of(const LimpqOptions& options, const deneb::SearchSpace& space) {
  std::set<int, std::greater<>> widths(options.bits.begin(), options.bits.end());
  bool all = options.sweep.is_set() && options.bits.empty();
  for (const ConstraintSet& set : options.constraints) {
    widths.insert(set.bits.begin(), set.bits.end());
    all = all || (set.bits.empty() && options.bits.empty());
  }
  if (all) {
    for (const deneb::Gene& gene : space.genes()) {
      for (const deneb::Format& format : gene.candidates) widths.insert(format.bits);
    }
  }
  return {widths.begin(), widths.end()};
}

// The same for every layer and width: enough to check limits before indicators are trained.
Indicators equal_importance(const std::vector<int>& widths, const deneb::SearchSpace& space) {
  Indicators indicators;
  indicators.bits = widths;
  for (const deneb::LayerInfo& layer : space.network().layers) {
    indicators.layers.push_back({layer.name, {}, {}});
    for (const int width : widths) {
      indicators.layers.back().weight[width] = indicators.layers.back().activation[width] = 1;
    }
  }
  return indicators;
}

class Limpq final : public deneb::SearchAlgorithm {
 public:
  using Options = LimpqOptions;
  explicit Limpq(const Options& options) : options_(options) {}

  // Everything but the solving: whatever is wrong with files or options shows before the run.
  void validate(const deneb::SearchSpace& space,
                const std::vector<deneb::Objective>&) const override {
    if (options_.solver == "cbc" && !has_cbc()) {
      throw deneb::ConfigError(
          "search_algorithm.solver: this build is without CBC; install "
          "coinor-libcbc-dev and build again, or use mckp");
    }
    for (const deneb::Gene& gene : space.genes()) {
      for (const deneb::Format& format : gene.candidates) {
        if (format.is_integer() && format.bits > 1) continue;
        throw deneb::ConfigError(
            "search_space: LIMPQ knows integer widths from 2 to 16 only, not " + format.text());
      }
    }
    const Indicators indicators = comes_from_file()
                                      ? read_indicators(options_.indicators)
                                      : equal_importance(widths_of(options_, space), space);
    const AssignmentSolver solver(space, indicators, options_);
    for (const ConstraintSet& set : all_sets(solver)) {
      const Task task = task_of(options_, set);
      const bool tied = std::any_of(
          space.genes().begin(), space.genes().end(),
          [](const deneb::Gene& gene) { return gene.role == deneb::Gene::Role::kBoth; });
      if (tied && task.fixed_act_bits > 0) {
        throw deneb::ConfigError(
            "search_algorithm.fixed_act_bits: cannot be with "
            "search_space.tie_weight_activation; remove one of them");
      }
      solver.check(task);
    }
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const Indicators indicators = get_indicators(context);
    const AssignmentSolver solver(context.space(), indicators, options_);
    const auto solve_problem = [this](const auto& problem) { return solve(options_, problem); };
    auto solutions = ordered_json::array();
    deneb::SearchResult result;
    result.objectives = {{"importance", deneb::Direction::kMinimize},
                         {"bitops", deneb::Direction::kMinimize},
                         {"size", deneb::Direction::kMinimize}};
    result.figures = indicator_figures(indicators);
    std::string infeasible;
    const std::vector<ConstraintSet> sets = all_sets(solver);
    for (const ConstraintSet& set : sets) {
      const Assignment found = solver.solve(task_of(options_, set), solve_problem);
      solutions.push_back(to_json(found, options_.solver == "mckp"));
      context.progress(std::int64_t(solutions.size()), std::int64_t(sets.size()), set.name);
      if (!found.optimal) {
        context.log("set '" + set.name + "' cannot be kept: " + found.reason);
        // The corners of a sweep may ask for too much at once; nobody chose them.
        if (solutions.size() > options_.constraints.size()) continue;
        infeasible += (infeasible.empty() ? "" : "; ") + set.name + ": " + found.reason;
        continue;
      }
      deneb::Candidate candidate;
      candidate.name = set.name;
      candidate.policy = found.policy;
      for (const auto& [name, value] : context.costs(found.policy)) candidate.metrics[name] = value;
      candidate.metrics["importance"] = found.solution.cost;
      candidate.metrics["compression_ratio"] = found.totals.compression_ratio;
      result.candidates.push_back(std::move(candidate));
    }
    deneb::write_file_atomically(context.artifact_path("solutions.json"), solutions.dump(1) + "\n");
    if (!infeasible.empty() && !options_.allow_infeasible) {
      result.failure =
          "constraints that cannot be kept (allow_infeasible goes on without them): " + infeasible;
    }
    return result;
  }

 private:
  bool comes_from_file() const {
    return options_.indicators != kTrain && options_.indicators != kProbe;
  }

  Indicators get_indicators(deneb::SearchContext& context) const {
    if (comes_from_file()) return read_indicators(options_.indicators);
    const std::vector<int> widths = widths_of(options_, context.space());
    const Indicators indicators = options_.indicators == kTrain
                                      ? train_indicators(context, options_.training, widths)
                                      : probe_indicators(context, widths);
    write_indicators(context.artifact_path("indicators.json"), indicators);
    return indicators;
  }

  // The sets of the pipeline, then those of the sweep.
  std::vector<ConstraintSet> all_sets(const AssignmentSolver& solver) const {
    std::vector<ConstraintSet> sets = options_.constraints;
    if (!options_.sweep.is_set()) return sets;
    const std::vector<ConstraintSet> more = solver.sweep(options_.sweep, task_of(options_, {}));
    sets.insert(sets.end(), more.begin(), more.end());
    return sets;
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Limpq>(
      "LIMPQ", "learned layer importance and an exact integer program (Tang et al. 2022)");
  r.add<deneb::CostModel, ImportanceCost>(
      "importance", "sum of LIMPQ's indicators, to compare other policies by");
}

}  // namespace

DENEB_PLUGIN("limpq", "0.1.0", "LIMPQ search", register_all);
