#include "relaxed_network.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>

#include "calibration.h"

namespace deneb::edmips {
namespace {

using torch::Tensor;

const FormatMixture& mixture_in(const Quantizer& quantizer) {
  const auto* mixture = dynamic_cast<const FormatMixture*>(&quantizer);
  if (!mixture) throw PluginError("EdMIPS: the quantizer Mixture is no FormatMixture");
  return *mixture;
}

}  // namespace

RelaxedNetwork::RelaxedNetwork(SearchContext& context, const EdmipsOptions& options)
    : space_(context.space()), network_(context.make_network()), mixtures_(space_.genes().size()) {
  relax(context, options);
  network_->to(context.device());
  searches::calibrate(context, *network_);
  find_parameters(*network_);
}

std::shared_ptr<Quantizer> RelaxedNetwork::make_mixture(SearchContext& context,
                                                        const EdmipsOptions& options,
                                                        QuantizerRole role,
                                                        std::size_t gene) const {
  std::vector<int> widths;
  for (const Format& format : space_.genes()[gene].candidates) widths.push_back(format.bits);
  nlohmann::ordered_json settings = {
      {"widths", widths}, {"steps", options.steps}, {"alpha", options.alpha_start}};
  if (role == QuantizerRole::kWeight) settings["own_weights"] = !options.share_weights;
  return context.make_quantizer({"Mixture", settings});
}

void RelaxedNetwork::relax(SearchContext& context, const EdmipsOptions& options) {
  const auto& infos = space_.network().layers;
  const BitPolicy narrowest = space_.decode(space_.narrowest());
  searches::apply_fixed(context, *network_);

  std::map<std::string, QuantLayer*> found;
  for (const NamedQuantLayer& named : quant_layers(*network_)) found[named.name] = named.layer;
  for (const LayerGenes& layer : space_.layer_genes()) {
    const std::string& name = infos[layer.layer].name;
    QuantLayer& place = *found.at(name);
    const LayerChoice first = *narrowest.find(name);
    const auto mixed = [&](QuantizerRole role, std::size_t gene, const Format& format) {
      const auto quantizer = make_mixture(context, options, role, gene);
      quantizer->attach({role, name, place.float_weight()});
      quantizer->set_format(format);
      mixtures_[gene].push_back(&mixture_in(*quantizer));
      return quantizer;
    };
    auto weight = place.weight_quantizer(), activation = place.input_quantizer();
    RelaxedLayer relaxed{layer, nullptr, nullptr};
    if (layer.weight) {
      weight = mixed(QuantizerRole::kWeight, *layer.weight, first.weight);
      relaxed.weight = &mixture_in(*weight);
    }
    if (layer.activation) {
      activation = mixed(QuantizerRole::kActivation, *layer.activation, first.activation);
      relaxed.activation = &mixture_in(*activation);
    }
    place.set_quantizers(weight, activation);
    layers_.push_back(relaxed);
  }
}

// Mixtures name their parameter as they like, but all alike.
void RelaxedNetwork::find_parameters(const Network& network) {
  const std::vector<Tensor> all = logits();
  std::string own;
  for (const auto& item : network.named_parameters()) {
    const auto same = [&](const Tensor& t) { return t.is_same(item.value()); };
    if (std::none_of(all.begin(), all.end(), same)) continue;
    own = item.key().substr(item.key().rfind('.'));
  }
  if (own.empty()) throw PluginError("EdMIPS: the mixtures have no registered parameter");
  logits_glob_ = "*_quantizer" + own;
}

std::vector<LayerShares> RelaxedNetwork::shares() const {
  std::vector<LayerShares> shares;
  for (const RelaxedLayer& layer : layers_) {
    LayerShares own;
    if (layer.weight) own.weight = layer.weight->shares();
    if (layer.activation) own.activation = layer.activation->shares();
    shares.push_back(own);
  }
  return shares;
}

std::vector<Tensor> RelaxedNetwork::logits() const {
  std::vector<Tensor> logits;
  for (const auto& gene : mixtures_) {
    for (const FormatMixture* mixture : gene) logits.push_back(mixture->logits());
  }
  return logits;
}

Probabilities RelaxedNetwork::probabilities() const {
  torch::NoGradGuard no_grad;
  Probabilities probabilities;
  for (const auto& gene : mixtures_) {
    const Tensor p = gene.front()->logits().to(torch::kCPU, torch::kFloat64).softmax(0);
    probabilities.emplace_back(p.data_ptr<double>(), p.data_ptr<double>() + p.numel());
  }
  return probabilities;
}

void RelaxedNetwork::tie() {
  torch::NoGradGuard no_grad;
  for (const auto& gene : mixtures_) {
    if (gene.size() < 2) continue;
    std::vector<Tensor> tied;
    for (const FormatMixture* mixture : gene) tied.push_back(mixture->logits());
    const Tensor mean = at::stack(tied).mean(0);
    for (Tensor& logits : tied) logits.copy_(mean);
  }
}

}  // namespace deneb::edmips
