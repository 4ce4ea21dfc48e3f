#pragma once

#include <deneb/pipeline/section_parts.h>
#include <deneb/search/cost_limit.h>
#include <deneb/search/search_space.h>

#include <string>
#include <vector>

namespace deneb::detail {

struct SearchStepBlock {
  std::string type = "SearchPipeStep";
  template <class V>
  void visit(V& v) {
    v("type", type, "kind of step");
  }
};

/// Section of a SearchPipeStep.
struct SearchStepOptions : ModelSection {
  SearchStepBlock pipe_step;
  PluginSpec search_algorithm;
  SearchSpaceOptions search_space;
  std::vector<CostLimit> limits;
  std::string evaluate_on = "validation";
  /// The split that trials are measured on.
  Split evaluation_split() const {
    return evaluate_on == "test" ? Split::kTest : Split::kValidation;
  }
  template <class V>
  void visit(V& v) {
    v("pipe_step", pipe_step, "kind of step");
    v.plugin("search_algorithm", search_algorithm, "search_algorithm", "how to search");
    v("search_space", search_space, "what to choose from");
    v("limits", limits, "policies above a cost are rejected before they are trained");
    v("evaluate_on", evaluate_on,
      "samples that trials are measured on; test: for steps that leave a benchmark and no "
      "policies, "
      "as nothing may be chosen by the test split",
      {"validation", "test"});
    ModelSection::visit(v);
  }
};

struct TrainStepBlock {
  std::string type = "TrainPipeStep";
  std::string models_folder;
  int max_models = 0;
  bool load_weights = true;
  template <class V>
  void visit(V& v) {
    v("type", type, "kind of step");
    v.file("models_folder", models_folder, "policies",
           "folder with policies/*.json or models/; empty = what the nearest earlier step left");
    v("max_models", max_models,
      "train so many of the policies, spread evenly from the cheapest to the dearest; 0 = all",
      {0, 1e6});
    v("load_weights", load_weights, "start from weights that the step before left for a policy");
  }
};

/// The same formats in all layers that are not first or last: the baseline of every paper.
struct UniformOptions {
  int weight_bits = 8, activation_bits = 8;
  std::string weight, activation;
  std::string first_layer = "float32", last_layer = "float32";
  template <class V>
  void visit(V& v) {
    v("weight_bits", weight_bits, "width of weights, 1 .. 16; 32 = float", {1, 32});
    v("activation_bits", activation_bits, "width of activations, 1 .. 16; 32 = float", {1, 32});
    v("weight", weight, "format of weights in place of the integer of that width, such as e2m1");
    v("activation", activation, "format of activations, likewise");
    v("first_layer", first_layer, "format of the first layer");
    v("last_layer", last_layer, "format of the last layer");
  }
  void check(OptionErrors& errors) const {
    for (const auto& [name, bits] :
         {std::make_pair("weight_bits", weight_bits), {"activation_bits", activation_bits}}) {
      if (bits <= 16 || bits == 32) continue;
      errors.add(name, "is " + std::to_string(bits) + "; expected 1 .. 16, or 32 for float");
    }
  }
};

/// Section of a TrainPipeStep and an EvaluatePipeStep.
struct TrainStepOptions : ModelSection {
  TrainStepBlock pipe_step;
  std::string policy;
  std::vector<UniformOptions> uniform;
  template <class V>
  void visit(V& v) {
    v("pipe_step", pipe_step, "kind of step");
    v.file("policy", policy, "policy",
           "one policy file to train, or step:policy, the one that a search recommends");
    v("uniform", uniform, "uniform policies to train beside the others");
    ModelSection::visit(v);
  }
};

struct EvaluateStepOptions : TrainStepOptions {
  EvaluateStepOptions() { pipe_step.type = "EvaluatePipeStep"; }
};

}  // namespace deneb::detail
