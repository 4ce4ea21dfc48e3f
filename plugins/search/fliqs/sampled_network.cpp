#include "sampled_network.h"

#include <map>

#include <deneb/nn/walk.h>

#include "calibration.h"
#include "decisions.h"

namespace deneb::fliqs {

SampledNetwork::SampledNetwork(SearchContext& context) : network_(context.make_network()) {
  const SearchSpace& space = context.space();
  searches::apply_fixed(context, *network_);
  std::map<std::string, QuantLayer*> found;
  for (const NamedQuantLayer& named : quant_layers(*network_)) found[named.name] = named.layer;
  for (const LayerGenes& genes : space.layer_genes()) {
    const LayerInfo& info = space.network().layers[genes.layer];
    QuantLayer& layer = *found.at(info.name);
    auto weight = layer.weight_quantizer(), activation = layer.input_quantizer();
    if (genes.weight) {
      weight = add_switch(context, QuantizerRole::kWeight, info.name, layer.float_weight(),
                          *genes.weight, true);
    }
    if (genes.activation) {
      activation = add_switch(context, QuantizerRole::kActivation, info.name, layer.float_weight(),
                              *genes.activation, info.signed_input);
    }
    layer.set_quantizers(weight, activation);
  }
  network_->to(context.device());
  searches::calibrate(context, *network_);
  set(space.widest());
}

std::shared_ptr<Quantizer> SampledNetwork::add_switch(SearchContext& context, QuantizerRole role,
                                                      const std::string& layer,
                                                      const torch::Tensor& weight, std::size_t gene,
                                                      bool is_signed) {
  std::vector<Format> candidates;
  for (const Format& format : context.space().genes()[gene].candidates) {
    candidates.push_back(searches::in_place(format, is_signed));
  }
  const auto formats = std::make_shared<FormatSwitch>(
      candidates, [&](const Format& format) { return context.make_quantizer(role, format); });
  formats->attach({role, layer, weight});
  const bool is_weight = role == QuantizerRole::kWeight;
  places_.push_back({layer + (is_weight ? ".weight_quantizer." : ".input_quantizer."),
                     formats.get(), gene, candidates});
  return formats;
}

void SampledNetwork::set(const std::vector<int>& genome) {
  for (const Place& place : places_) {
    place.formats->set_format(place.candidates[std::size_t(genome[place.gene])]);
  }
}

std::vector<std::pair<std::string, torch::Tensor>> SampledNetwork::state() const {
  std::map<std::string, std::string> format_of;
  for (const Place& place : places_) format_of[place.prefix] = place.formats->format().text() + ".";
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const auto& [name, tensor] : state_of(*network_)) {
    const std::size_t at = name.find("_quantizer.");
    const std::string prefix =
        at == std::string::npos ? "" : name.substr(0, at + std::string("_quantizer.").size());
    const auto found = format_of.find(prefix);
    if (found == format_of.end()) {
      state.emplace_back(name, tensor);
    } else if (name.compare(prefix.size(), found->second.size(), found->second) == 0) {
      state.emplace_back(prefix + name.substr(prefix.size() + found->second.size()), tensor);
    }
  }
  return state;
}

}  // namespace deneb::fliqs
