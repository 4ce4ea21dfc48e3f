#include <deneb/quant/policy_file.h>

#include <cstdio>
#include <iostream>

#include "commands.h"
#include "cost_table.h"
#include "model_section.h"
#include "session.h"

namespace deneb::cli {
namespace {

using nlohmann::ordered_json;

/// The policy to price, and where it comes from.
struct PricedPolicy {
  BitPolicy policy;
  std::string source = "float32 everywhere";
};

/// Layers that the search space pins keep their formats there.
BitPolicy uniform_with_pins(const NetworkInfo& network, const std::optional<SearchSpace>& space,
                            int weight_bits, int activation_bits) {
  BitPolicy policy;
  const BitPolicy uniform = uniform_policy(network, weight_bits, activation_bits);
  const BitPolicy pins = space ? space->decode(space->narrowest()) : BitPolicy();
  for (const LayerInfo& layer : network.layers) {
    const LayerChoice* choice = (layer.pinned ? pins : uniform).find(layer.name);
    policy.set(layer.name, choice ? *choice : LayerChoice{});
  }
  return policy;
}

PricedPolicy choose_policy(const Arguments& arguments, const NetworkInfo& network,
                           const std::optional<SearchSpace>& space) {
  PricedPolicy priced;
  if (arguments.has("policy") && arguments.has("uniform")) {
    throw ConfigError("inspect: --policy and --uniform exclude each other");
  }
  if (arguments.has("policy")) {
    priced.source = arguments.text("policy");
    priced.policy = read_policy_file(priced.source).policy;
    priced.policy.check_against(network, priced.source);
  } else if (arguments.has("uniform")) {
    const std::string word = arguments.text("uniform");
    int weight_bits = 0, activation_bits = 0, used = 0;
    if (std::sscanf(word.c_str(), "w%3da%3d%n", &weight_bits, &activation_bits, &used) != 2 ||
        used != static_cast<int>(word.size())) {
      throw ConfigError("--uniform: got '" + word +
                        "', expected the widths of weights and activations, such as w4a4 or w4a8");
    }
    priced.source = "uniform " + word + (space ? ", pinned layers as in the search space" : "");
    priced.policy = uniform_with_pins(network, space, weight_bits, activation_bits);
  }
  return priced;
}

ordered_json to_json(const StepModel& model, const NetworkInfo& network, const PricedPolicy& priced,
                     const std::vector<CostColumn>& costs) {
  ordered_json facts = network_json(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    facts["layers"][i]["weight_shape"] = network.layers[i].weight_shape;
  }
  return {{"step", model.step},
          {"network", facts},
          {"macs", total_macs(network)},
          {"weights", total_weights(network)},
          {"policy", {{"source", priced.source}, {"layers", priced.policy.to_json()}}},
          {"costs", costs_json(network, costs)}};
}

Arguments inspect_arguments() {
  Arguments arguments(
      {"inspect", "FILE|TASK [options]",
       "Lists the quantizable layers of a step's network with multiply-accumulates (MACs) of one\n"
       "sample, weights, shapes, the sign of the input, and whether the search space pins them;\n"
       "then what a policy costs by every cost model, and the share of each layer.",
       "deneb inspect my.json\n"
       "deneb inspect my.json --step nas --uniform w4a4\n"
       "deneb inspect my.json --policy tasks/first/output/nas/policies/12.json"});
  arguments.positionals(1, 1, {"FILE or TASK"});
  arguments.value("step", "NAME", "step whose network to list (default: the first one)");
  arguments.value("policy", "FILE", "price this policy file (default: float32 everywhere)");
  arguments.value("uniform", "wNaM",
                  "price N-bit weights and M-bit activations in all layers that are not pinned");
  arguments.flag("json", "as a JSON object");
  add_set_option(arguments);
  add_plugin_option(arguments);
  return arguments;
}

}  // namespace

int inspect_command(const Words& words) {
  Arguments arguments = inspect_arguments();
  if (!arguments.parse(words)) return kExitOk;
  Session session;
  const Pipeline pipeline = session.open(arguments.positionals().front(), arguments.list("set"),
                                         arguments.list("plugin"));
  const StepModel model = read_step_model(pipeline, arguments.text("step"), session.registry());
  const Workbench bench(session.registry(), model.section, torch::kCPU);
  std::optional<SearchSpace> space;
  if (model.search_space) space.emplace(bench.network_info(), *model.search_space);
  const NetworkInfo& network = space ? space->network() : bench.network_info();
  const PricedPolicy priced = choose_policy(arguments, network, space);
  const std::vector<CostColumn> costs = price(bench, network, priced.policy);
  if (arguments.has("json")) {
    std::cout << to_json(model, network, priced, costs).dump(2) << "\n";
    return kExitOk;
  }
  std::cout << network.model << " of step " << model.step << "\n\n"
            << layer_table(network) << "\npolicy: " << priced.source << "\n\n"
            << cost_table(network, priced.policy, costs);
  return kExitOk;
}

}  // namespace deneb::cli
