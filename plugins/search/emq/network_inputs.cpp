#include "network_inputs.h"

#include <torch/types.h>

#include <algorithm>
#include <memory>

#include <deneb/data/data_loader.h>
#include <deneb/nn/network.h>
#include <deneb/nn/walk.h>
#include <deneb/options/config.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/evaluator.h>

namespace deneb::emq {
namespace {

using at::Tensor;

bool wants(const std::vector<std::string>& inputs, std::initializer_list<const char*> names) {
  return std::any_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
    return std::find(names.begin(), names.end(), input) != names.end();
  });
}

bool knows_width(const std::string& input) {
  const std::string suffix = "_error";
  return input.size() > suffix.size() &&
         input.compare(input.size() - suffix.size(), suffix.size(), suffix) == 0;
}

StatisticsRequest statistics_for(const InputsRequest& request, const SearchContext& context) {
  const auto& in = request.inputs;
  StatisticsRequest wanted;
  wanted.weight = true;
  wanted.activation = wants(in, {"act"});
  wanted.gradient = wants(in, {"grad", "grad_error"});
  wanted.virtual_gradient = wants(in, {"virtual_grad"});
  wanted.activation_gradient = wants(in, {"act_grad"});
  wanted.fisher_diagonal = wants(in, {"fisher", "fisher_error"});
  wanted.hessian_trace = wants(in, {"hessian_trace", "trace_error"});
  wanted.hessian_eigenvalue = wants(in, {"hessian_eigenvalue"});
  wanted.hessian = request.hessian;
  if (wanted.hessian_trace || wanted.hessian_eigenvalue) {
    wanted.hessian_record = context.artifact_path("hessian.json");
    wanted.identity = context.space().network().model + " " + std::to_string(request.samples) +
                      " " + std::to_string(request.hessian.draws) + " " +
                      std::to_string(request.hessian.tolerance);
  }
  return wanted;
}

// What the layer makes of the input with that weight, without bias.
Tensor output_with(const QuantLayer& layer, const Tensor& input, const Tensor& weight) {
  if (layer.op() != "conv2d") return at::linear(input, weight);
  const QuantLayer::Geometry geometry = layer.geometry();
  return at::conv2d(input, weight, {}, geometry.stride, geometry.padding, geometry.dilation,
                    layer.groups());
}

}  // namespace

const std::vector<InputKind>& input_kinds() {
  static const std::vector<InputKind> kinds = {
      {"act", true, "output of the layer, before batch norm"},
      {"grad", true, "gradient of the loss by the weights"},
      {"virtual_grad", true, "gradient of the sum of answers to an input of ones"},
      {"weight", true, "the weights"},
      {"act_grad", false, "gradient of the loss by the output"},
      {"fisher", false, "mean over samples of the squared gradient by the weights"},
      {"hessian_trace", false, "trace of the loss's second derivative by the weights"},
      {"hessian_eigenvalue", false, "its largest eigenvalue"},
      {"weight_error", false, "squared error of the quantized weights"},
      {"act_error", false, "squared error of the output that this makes, mean over samples"},
      {"grad_error", false, "gradient times error of the quantized weights"},
      {"fisher_error", false, "fisher times weight_error"},
      {"trace_error", false, "mean trace times the sum of weight_error, as HAWQ-V2"}};
  return kinds;
}

std::vector<std::string> input_names() {
  std::vector<std::string> names;
  for (const InputKind& kind : input_kinds()) names.push_back(kind.name);
  return names;
}

std::vector<std::string> paper_inputs() {
  std::vector<std::string> names;
  for (const InputKind& kind : input_kinds()) {
    if (kind.in_paper) names.push_back(kind.name);
  }
  return names;
}

NetworkInputs::NetworkInputs(SearchContext& context, const InputsRequest& request)
    : inputs_(request.inputs) {
  const auto known = input_names();
  for (const std::string& name : inputs_) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string text;
    for (const std::string& other : known) text += (text.empty() ? "" : ", ") + other;
    throw ConfigError("a proxy reads '" + name + "', which is no statistic; known are " + text);
  }
  const std::shared_ptr<Network> network = context.make_network();
  network->to(context.device());
  const Batch batch = first_batches(context.data(), request.samples, 1).front();
  std::mt19937_64 rng = context.rng("statistics");
  const auto statistics =
      collect_statistics(*network, batch, context.criterion(), statistics_for(request, context),
                         rng, context.device(), &work_);
  std::map<std::string, QuantLayer*> sites;
  for (const NamedQuantLayer& named : quant_layers(*network)) sites[named.name] = named.layer;
  std::map<std::string, std::size_t> place;
  for (const LayerStatistics& layer : statistics) {
    place[layer.name] = layers_.size();
    layers_.push_back({layer, sites.at(layer.name)->op() == "conv2d", {}, {}});
  }
  if (std::none_of(inputs_.begin(), inputs_.end(), knows_width)) return;

  torch::NoGradGuard no_grad;
  for (Layer& layer : layers_) {
    for (const int width : request.widths) {
      const auto format = Format::integer(width, true);
      const auto quantizer = context.make_quantizer(QuantizerRole::kWeight, format);
      quantizer->attach({QuantizerRole::kWeight, layer.statistics.name, layer.statistics.weight});
      quantizer->set_format(format);
      quantizer->to(context.device());
      quantizer->eval();
      // Quantizers may hand their argument back.
      layer.weight_error[width] =
          layer.statistics.weight - quantizer->quantize(layer.statistics.weight.clone());
    }
  }
  if (!wants(inputs_, {"act_error"})) return;
  std::vector<LayerObserver> observers;
  for (const auto& [name, site] : sites) {
    const auto found = place.find(name);
    if (found == place.end()) continue;
    Layer* layer = &layers_[found->second];
    observers.push_back(site->observe([layer, site = site](const LayerTap& tap) {
      for (const auto& [width, error] : layer->weight_error) {
        layer->output_error[width] =
            output_with(*site, tap.input, error).square().mean({0}, /*keepdim=*/true);
      }
    }));
  }
  const EvaluationMode mode(*network);
  network->forward(context.device().is_cpu() ? batch : batch.to(context.device()));
  ++work_.forward_passes;
}

Tensor NetworkInputs::plain(const Layer& layer, const std::string& input) const {
  const LayerStatistics& s = layer.statistics;
  if (input == "act") return s.activation;
  if (input == "grad") return s.gradient;
  if (input == "virtual_grad") return s.virtual_gradient;
  if (input == "act_grad") return s.activation_gradient;
  if (input == "fisher") return s.fisher_diagonal;
  if (input == "hessian_trace") return torch::tensor(s.hessian_trace, torch::kFloat64);
  if (input == "hessian_eigenvalue") return torch::tensor(s.hessian_eigenvalue, torch::kFloat64);
  return s.weight;
}

Tensor NetworkInputs::error(const Layer& layer, const std::string& input, int width) const {
  if (input == "act_error") return layer.output_error.at(width);
  const Tensor& error = layer.weight_error.at(width);
  if (input == "grad_error") return layer.statistics.gradient * error;
  if (input == "fisher_error") return layer.statistics.fisher_diagonal * error.square();
  if (input == "trace_error") {
    const double trace = layer.statistics.hessian_trace / double(error.numel());
    return error.square().sum().to(torch::kFloat64) * trace;
  }
  return error.square();
}

Inputs NetworkInputs::of(const std::vector<std::string>& names, const std::vector<int>& widths,
                         Semantics semantics, const std::string& where) const {
  std::vector<const Layer*> layers, reversed;
  if (semantics == Semantics::kCompat) {
    for (const Layer& layer : layers_) {
      if (layer.is_convolution) layers.push_back(&layer);
    }
    if (layers.size() < names.size()) {
      throw ConfigError(where + ": chooses the widths of " + std::to_string(names.size()) +
                        " layers, and compat knows the network's " + std::to_string(layers.size()) +
                        " convolutions only; take clean");
    }
    reversed.assign(layers.rbegin(), layers.rend());
    layers.resize(names.size());
    reversed.resize(names.size());
  } else {
    for (const std::string& name : names) {
      const auto found = std::find_if(layers_.begin(), layers_.end(), [&](const Layer& layer) {
        return layer.statistics.name == name;
      });
      if (found == layers_.end()) {
        throw ConfigError(where + ": has a layer '" + name + "' that the network lacks");
      }
      layers.push_back(&*found);
    }
    reversed = layers;
  }
  Inputs inputs(names.size(), widths);
  for (const std::string& input : inputs_) {
    if (knows_width(input)) {
      std::vector<std::vector<Tensor>> tensors;
      for (const Layer* layer : layers) {
        tensors.emplace_back();
        for (const int width : widths) tensors.back().push_back(error(*layer, input, width));
      }
      inputs.add_by_width(input, std::move(tensors));
      continue;
    }
    const bool backwards = input == "grad" || input == "virtual_grad";
    std::vector<Tensor> tensors;
    for (const Layer* layer : backwards ? reversed : layers) {
      tensors.push_back(plain(*layer, input));
    }
    inputs.add(input, std::move(tensors));
  }
  return inputs;
}

}  // namespace deneb::emq
