#include "relaxed_network.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include <deneb/data/data_loader.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/evaluator.h>

namespace deneb::edmips {
namespace {

using torch::Tensor;

constexpr double kSmallestProbability = 1e-30;

const FormatMixture& mixture_in(const Quantizer& quantizer) {
  const auto* mixture = dynamic_cast<const FormatMixture*>(&quantizer);
  if (!mixture) throw PluginError("EdMIPS: the quantizer Mixture is no FormatMixture");
  return *mixture;
}

}  // namespace

bool decides(const Gene& gene, QuantizerRole role) {
  return gene.role !=
         (role == QuantizerRole::kWeight ? Gene::Role::kActivation : Gene::Role::kWeight);
}

RelaxedNetwork::RelaxedNetwork(SearchContext& context, const EdmipsOptions& options)
    : space_(context.space()), network_(context.make_network()), mixtures_(space_.genes().size()) {
  relax(context, options);
  network_->to(context.device());
  calibrate(context);
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
  // What the space leaves open stays without a quantizer at first.
  BitPolicy fixed = narrowest;
  const std::vector<LayerGenes> genes = space_.layer_genes();
  for (const LayerGenes& layer : genes) {
    LayerChoice choice = *narrowest.find(infos[layer.layer].name);
    if (layer.weight) choice.weight = Format::float32();
    if (layer.activation) choice.activation = Format::float32();
    fixed.set(infos[layer.layer].name, choice);
  }
  const auto factory = [&](QuantizerRole role) {
    return [&context, role](const Format& format) { return context.make_quantizer(role, format); };
  };
  apply_policy(*network_, fixed, factory(QuantizerRole::kWeight),
               factory(QuantizerRole::kActivation));

  std::map<std::string, QuantLayer*> found;
  for (const NamedQuantLayer& named : quant_layers(*network_)) found[named.name] = named.layer;
  for (const LayerGenes& layer : genes) {
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
    RelaxedLayer relaxed{layer, nullptr, nullptr, *fixed.find(name)};
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

// For fixed tensors with a method whose range only data can tell.
void RelaxedNetwork::calibrate(SearchContext& context) {
  std::vector<std::shared_ptr<Quantizer>> waiting;
  for (const NamedQuantLayer& named : quant_layers(*network_)) {
    for (const auto& quantizer :
         {named.layer->weight_quantizer(), named.layer->input_quantizer()}) {
      if (quantizer && quantizer->needs_calibration()) waiting.push_back(quantizer);
    }
  }
  if (waiting.empty()) return;
  torch::NoGradGuard no_grad;
  const EvaluationMode mode(*network_);
  for (const auto& quantizer : waiting) quantizer->start_calibration();
  const auto stream = context.calibration_data();
  Batch batch;
  while (stream->next(batch)) {
    network_->forward(context.device().is_cpu() ? batch : batch.to(context.device()));
  }
  for (const auto& quantizer : waiting) quantizer->finish_calibration();
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

BitPolicy most_probable(const SearchSpace& space, const Probabilities& probabilities) {
  std::vector<int> genome;
  for (const auto& p : probabilities) {
    genome.push_back(int(std::max_element(p.begin(), p.end()) - p.begin()));
  }
  return space.decode(genome);
}

LayerScores scores_of(const SearchSpace& space, const Probabilities& probabilities,
                      const std::string& rounding) {
  const bool by_mean = rounding == "mean";
  LayerScores scores;
  scores.model = space.network().model;
  scores.origin =
      by_mean ? "EdMIPS, distance from the expected width" : "EdMIPS, -log of probabilities";
  for (const LayerGenes& genes : space.layer_genes()) {
    const LayerInfo& layer = space.network().layers[genes.layer];
    const auto side = [&](const std::optional<std::size_t>& gene, bool is_signed) {
      FormatScores side;
      if (!gene) return side;
      const auto& candidates = space.genes()[*gene].candidates;
      const auto& p = probabilities[*gene];
      double mean = 0;
      for (std::size_t i = 0; i < candidates.size(); ++i) mean += p[i] * candidates[i].bits;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const double score = by_mean ? std::pow(candidates[i].bits - mean, 2)
                                     : -std::log(std::max(p[i], kSmallestProbability));
        side[Format::integer(candidates[i].bits, is_signed).text()] = score;
      }
      return side;
    };
    scores.layers.push_back(
        {layer.name, side(genes.weight, true), side(genes.activation, layer.signed_input)});
  }
  return scores;
}

double mean_entropy(const SearchSpace& space, const Probabilities& probabilities,
                    QuantizerRole role) {
  double sum = 0;
  int count = 0;
  for (std::size_t g = 0; g < probabilities.size(); ++g) {
    if (!decides(space.genes()[g], role) || probabilities[g].size() < 2) continue;
    double entropy = 0;
    for (const double p : probabilities[g]) entropy -= p > 0 ? p * std::log(p) : 0;
    sum += entropy / std::log(double(probabilities[g].size()));
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace deneb::edmips
