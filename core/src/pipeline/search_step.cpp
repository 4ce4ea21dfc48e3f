#include "pipeline/search_step.h"

#include <deneb/io/files.h>
#include <deneb/io/weight_file.h>
#include <deneb/pipeline/console_table.h>
#include <deneb/quant/policy_file.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "pipeline/search_run.h"
#include "pipeline/section_checks.h"
#include "pipeline/step_results.h"

namespace deneb::detail {
namespace {

// A figure or heat map that breaks the rules is left out and logged: no reason to lose a search.
template <class Drawing>
nlohmann::ordered_json drawings_json(const char* kind, const std::vector<Drawing>& drawings,
                                     SearchRun& run) {
  auto all = nlohmann::ordered_json::array();
  std::set<std::string> names;
  for (const Drawing& drawing : drawings) {
    try {
      nlohmann::ordered_json json = to_json(drawing);
      if (!names.insert(drawing.name).second) {
        throw PluginError(std::string(kind) + " '" + drawing.name + "': another one has that name");
      }
      all.push_back(std::move(json));
    } catch (const PluginError& e) {
      run.log(std::string("left out of the report: ") + e.what());
    }
  }
  return all;
}

// Named relative to `folder`, the policies', what lies in the task's own: tasks can be moved.
std::string beside(const std::string& path, const std::string& folder, const std::string& task) {
  if (path.empty()) return path;
  const std::filesystem::path target = std::filesystem::path(path).lexically_normal();
  const std::filesystem::path in_task = target.lexically_relative(task);
  const bool own = !in_task.empty() && *in_task.begin() != "..";
  return own ? target.lexically_relative(folder).string() : path;
}

// The policy that weights were trained with, "" = none. State of quantizers alone says too little.
std::string quantizers_in(const std::string& weights) {
  if (weights.empty()) return "";
  const BitPolicy policy = trained_policy(read_weights(weights, WeightCheck::kHeaders), weights);
  return policy.empty() ? "" : policy.text();
}

// Together they have every candidate of every gene.
std::vector<BitPolicy> policies_of(const SearchSpace& space) {
  std::vector<BitPolicy> policies;
  for (const auto& genome : space.uniform()) policies.push_back(space.decode(genome));
  return policies;
}

// Which earlier steps the search gets what it takes from, by kind.
nlohmann::ordered_json inputs_json(const SearchAlgorithm& algorithm, const RunContext& context) {
  auto inputs = nlohmann::ordered_json::object();
  const std::filesystem::path output(context.task_folder + "/output");
  for (const std::string& kind : algorithm.takes()) {
    const auto below = std::filesystem::path(context.input(kind)).lexically_relative(output);
    if (!below.empty()) inputs[kind] = below.begin()->string();
  }
  return inputs;
}

}  // namespace

std::vector<std::string> SearchStep::takes(const Registry& registry, bool) const {
  return registry.make<SearchAlgorithm>(options_.search_algorithm)->takes();
}

std::vector<std::string> SearchStep::gives(const Registry& registry) const {
  return registry.make<SearchAlgorithm>(options_.search_algorithm)->gives();
}

void SearchStep::validate(const ValidationContext& context) const {
  const SearchBasis basis(context.registry, options_, context.device);
  check_section(basis.parts(), policies_of(basis.space()), context);
  basis.check_limits();
  const auto algorithm = context.registry.make<SearchAlgorithm>(options_.search_algorithm);
  check_split(algorithm->gives());
  if (options_.evaluation_split() == Split::kValidation &&
      options_.data_loader.train_portion >= 1.0) {
    throw ConfigError(
        "data_loader.train_portion: is 1, which leaves no validation samples to choose by (the "
        "test split only judges); use 0.9 or less");
  }
  algorithm->validate(SearchStepSetup(basis));
  if (!options_.weights.empty()) return;
  const std::string why = algorithm->needs_weights();
  if (!why.empty()) {
    context.warn(options_.search_algorithm.type + " " + why +
                 ", but `weights` is not set: random ones tell nothing about the trained network; "
                 "set weights, such as \"float:weights\" of a step float that trains");
  } else if (!basis.parts().trainer().trains()) {
    context.warn(
        "trials are not trained (trainer), and `weights` is not set: they measure random weights; "
        "set weights, or let trials train");
  }
}

StepOutlook SearchStep::outlook(const ValidationContext& context) const {
  const SearchBasis basis(context.registry, options_, context.device);
  return {options_.network, policies_of(basis.space())};
}

// What is measured on the test split may be known, but nothing may be chosen by it.
void SearchStep::check_split(const std::vector<std::string>& gives) const {
  const auto given = [&](const char* kind) {
    return std::find(gives.begin(), gives.end(), kind) != gives.end();
  };
  if (options_.evaluation_split() != Split::kTest) return;
  if (given("benchmark") && !given("policies")) return;
  throw ConfigError("evaluate_on: is \"test\", but " + options_.search_algorithm.type +
                    (given("policies") ? " leaves policies, which the test split would choose"
                                       : " leaves no benchmark") +
                    "; use \"validation\", or a search that leaves a benchmark and no policies");
}

void SearchStep::run(RunContext& context) {
  SearchRun run(context, options_);
  nlohmann::ordered_json info = {{"algorithm", options_.search_algorithm.type},
                                 {"dataset", options_.dataset.type},
                                 {"evaluated_on", options_.evaluate_on},
                                 {"network", network_json(run.space().network())},
                                 {"search_space_size", run.space().size()}};
  context.store.set_step_info(context.step, info);
  run.log("searching " + std::to_string(run.space().genes().size()) + " widths of " +
          options_.network.type + " with " + options_.search_algorithm.type);
  const std::string trained = quantizers_in(options_.weights);
  if (!trained.empty()) {
    context.console.log("warning", context.step,
                        options_.weights + ": was trained with quantizers (" + trained +
                            "); the search starts from its float weights, which were trained for "
                            "them. Their state is used by trials of the same formats only");
  }
  if (options_.evaluation_split() == Split::kTest) {
    run.log("trials are measured on the TEST split: a benchmark, by which nothing is chosen");
  }

  const auto algorithm = context.registry.make<SearchAlgorithm>(options_.search_algorithm);
  info["inputs"] = inputs_json(*algorithm, context);
  SearchResult result;
  guard(context.registry.at(SearchAlgorithm::kKind, options_.search_algorithm.type).plugin,
        "search " + options_.search_algorithm.type, [&] { result = algorithm->run(run); });
  if (const auto cached = run.cached_trials()) {
    info["cache"] = {{"answered", *cached}};
    run.log("cache " + context.general.cache + ": answered " + std::to_string(*cached) +
            " trial(s); remove the folder to clear it");
  }

  auto objectives = nlohmann::ordered_json::array();
  for (const Objective& objective : result.objectives) {
    objectives.push_back(
        {{"name", objective.name}, {"direction", direction_word(objective.direction)}});
  }
  info["objectives"] = objectives;
  if (!result.figures.empty()) info["figures"] = drawings_json("figure", result.figures, run);
  if (!result.heat_maps.empty()) {
    info["heat_maps"] = drawings_json("heat map", result.heat_maps, run);
  }
  context.store.set_step_info(context.step, info);
  // Policies that were tried have been checked; a search may put forward others.
  const auto breaks_limit = [&](const Candidate& candidate) {
    const std::string broken =
        candidate.trial > 0 ? "" : run.basis().broken_limit(candidate.policy);
    if (broken.empty()) return false;
    result.failure +=
        (result.failure.empty() ? "" : "; ") + ("policy " + candidate.name + " " + broken);
    return true;
  };
  auto& all = result.candidates;
  all.erase(std::remove_if(all.begin(), all.end(), breaks_limit), all.end());
  const std::vector<std::string> gives = algorithm->gives();
  const bool gives_policies = std::count(gives.begin(), gives.end(), "policies") > 0;
  if (result.candidates.empty() && gives_policies) {
    throw RunError("step " + context.step + ": " + options_.search_algorithm.type +
                   " found no policy" +
                   (result.failure.empty() ? "; see the trials in " + context.output_folder()
                                           : ": " + result.failure));
  }
  auto marks = nlohmann::ordered_json::object();
  const std::string folder = context.output_folder() + "/policies";
  std::filesystem::remove_all(folder);  // of an earlier attempt
  std::vector<std::int64_t> front;
  std::set<std::string> names;
  for (const Candidate& candidate : result.candidates) {
    if (!is_plain_file_name(candidate.name) || !names.insert(candidate.name).second) {
      throw PluginError("plugin of " + options_.search_algorithm.type + ": the policy name '" +
                        candidate.name + "' is no file name or given twice");
    }
  }
  for (const Candidate& candidate : result.candidates) {
    const std::int64_t trial = run.record_of(candidate);
    PolicyFile file;
    file.model = {{"type", options_.network.type}, {"options", options_.network.options}};
    file.policy = candidate.policy;
    for (const auto& [name, value] : candidate.metrics) file.metrics[name] = value;
    file.provenance = {{"step", context.step},
                       {"algorithm", options_.search_algorithm.type},
                       {"trial", trial},
                       {"seed", context.general.seed},
                       {"weights", beside(candidate.weights, folder, context.task_folder)}};
    write_policy_file(folder + "/" + candidate.name + ".json", file);
    if (!candidate.mark.empty()) marks[std::to_string(trial)] = candidate.mark;
    if (std::find(front.begin(), front.end(), trial) == front.end()) {
      front.push_back(trial);
    } else {
      run.log("policy " + candidate.name + " is the same as an earlier one");
    }
  }
  run.forget_rest();
  context.store.mark_front(context.step, front);
  if (!marks.empty()) {
    info["marks"] = marks;
    context.store.set_step_info(context.step, info);
  }
  if (!result.candidates.empty()) {
    print_candidates(context.console, run.space().network(), result,
                     run.basis().parts().table_costs(), run.is_front(front, result.objectives));
  }
  if (!result.failure.empty()) throw RunError("step " + context.step + ": " + result.failure);
  context.artifacts = result.artifacts;
  if (gives_policies) context.artifacts.push_back({"policies", context.output_folder()});
}

}  // namespace deneb::detail
