#include "calibration.h"

#include <memory>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/evaluator.h>

namespace deneb::searches {

void apply_fixed(SearchContext& context, Network& network) {
  const SearchSpace& space = context.space();
  BitPolicy fixed = space.decode(space.narrowest());
  for (const LayerGenes& genes : space.layer_genes()) {
    const std::string& name = space.network().layers[genes.layer].name;
    LayerChoice choice = *fixed.find(name);
    if (genes.weight) choice.weight = Format::float32();
    if (genes.activation) choice.activation = Format::float32();
    fixed.set(name, choice);
  }
  const auto factory = [&](QuantizerRole role) {
    return [&context, role](const Format& format) { return context.make_quantizer(role, format); };
  };
  apply_policy(network, fixed, factory(QuantizerRole::kWeight),
               factory(QuantizerRole::kActivation));
}

void calibrate(SearchContext& context, Network& network) {
  std::vector<std::shared_ptr<Quantizer>> waiting;
  for (const NamedQuantLayer& named : quant_layers(network)) {
    for (const auto& quantizer :
         {named.layer->weight_quantizer(), named.layer->input_quantizer()}) {
      if (quantizer && quantizer->needs_calibration()) waiting.push_back(quantizer);
    }
  }
  if (waiting.empty()) return;
  torch::NoGradGuard no_grad;
  const EvaluationMode mode(network);
  for (const auto& quantizer : waiting) quantizer->start_calibration();
  const auto stream = context.calibration_data();
  Batch batch;
  while (stream->next(batch)) {
    network.forward(context.device().is_cpu() ? batch : batch.to(context.device()));
  }
  for (const auto& quantizer : waiting) quantizer->finish_calibration();
}

}  // namespace deneb::searches
