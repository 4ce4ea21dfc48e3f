#include "layer_probe.h"

#include <algorithm>

namespace deneb::limpq {
namespace {

constexpr double kSmallestRise = 1e-6;

// One tensor of one layer at one width.
struct Probe {
  std::size_t layer;  // index into the searched layers
  bool of_weight;
  int width;
};

Objective damage_measure(const SearchContext& context) {
  const std::vector<Objective> measures = context.measures();
  const auto loss = std::find_if(measures.begin(), measures.end(),
                                 [](const Objective& measure) { return measure.name == "loss"; });
  if (loss != measures.end()) return *loss;
  if (measures.empty()) throw RunError("LIMPQ: the evaluator measures nothing to probe layers by");
  return measures.front();
}

// Smaller is better.
double damage(const TrialResult& result, const Objective& measure, const std::string& what) {
  const auto found = result.metrics.find(measure.name);
  if (!result.ok || found == result.metrics.end()) {
    throw RunError("LIMPQ: the probe of " + what + " failed (" + result.message +
                   "); see the trials, or learn indicators with \"indicators\": \"train\"");
  }
  return measure.direction == Direction::kMinimize ? found->second : -found->second;
}

}  // namespace

Indicators probe_indicators(SearchContext& context, const std::vector<int>& bits) {
  Indicators indicators;
  indicators.model = context.space().network().model;
  indicators.bits = bits;
  BitPolicy undisturbed;  // says float32 layer by layer, so that reports show where a probe is
  for (const LayerInfo& layer : context.space().network().layers) undisturbed.set(layer.name, {});
  std::vector<Probe> probes;
  std::vector<TrialRequest> requests = {{undisturbed, "float"}};
  for (const LayerInfo& layer : context.space().network().layers) {
    if (layer.pinned) continue;
    indicators.layers.push_back({layer.name, {}, {}});
    for (const bool of_weight : {true, false}) {
      for (const int width : bits) {
        LayerChoice choice;
        if (of_weight) {
          choice.weight = Format::integer(width, true);
        } else {
          choice.activation = Format::integer(width, layer.signed_input);
        }
        BitPolicy policy = undisturbed;
        policy.set(layer.name, choice);
        probes.push_back({indicators.layers.size() - 1, of_weight, width});
        requests.push_back({policy, std::string(of_weight ? "weight" : "input") + " at " +
                                        std::to_string(width) + " bits"});
      }
    }
  }
  const std::vector<TrialResult> results = context.evaluate(requests);
  const Objective measure = damage_measure(context);
  const double undamaged = damage(results.front(), measure, "the float network");
  double wider = kSmallestRise;  // of the same tensor
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    LayerIndicators& layer = indicators.layers[probe.layer];
    if (probe.width == bits.front()) wider = kSmallestRise;
    const std::string what = layer.name + " at width " + std::to_string(probe.width);
    wider = std::max(wider, damage(results[i + 1], measure, what) - undamaged);
    (probe.of_weight ? layer.weight : layer.activation)[probe.width] = wider;
  }
  return indicators;
}

}  // namespace deneb::limpq
