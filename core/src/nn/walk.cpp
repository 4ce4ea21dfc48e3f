#include <deneb/nn/training_modes.h>
#include <deneb/nn/walk.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include <deneb/nn/layers.h>
#include <deneb/options/config.h>

#include "nn/state_names.h"

namespace deneb {
namespace {

std::int64_t product(const std::vector<std::int64_t>& extents) {
  std::int64_t n = 1;
  for (const std::int64_t extent : extents) n *= extent;
  return n;
}

// Multiply-accumulates of one sample: every output element takes one per weight of its channel.
std::int64_t macs_of(const torch::Tensor& weight, const torch::Tensor& output) {
  return output.numel() / output.size(0) * (weight.numel() / weight.size(0));
}

// The elements that a tensor shows, in whatever shape and order: its memory, the place in it,
// strides and extents with what lies together as one, and the number of writes. The extremes tell
// of writes that were not counted, through a bare pointer.
using Elements = std::tuple<const void*, std::int64_t, std::vector<std::array<std::int64_t, 2>>,
                            std::int64_t, std::int64_t, std::int64_t>;

// NaN has an order, too, then.
std::int64_t bits_of(double value) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

Elements elements_of(const torch::Tensor& tensor) {
  std::vector<std::array<std::int64_t, 2>> extents;  // stride, size
  for (std::int64_t d = 0; d < tensor.dim(); ++d) {
    // Repetitions show nothing more.
    if (tensor.size(d) > 1 && tensor.stride(d) != 0) {
      extents.push_back({tensor.stride(d), tensor.size(d)});
    }
  }
  std::sort(extents.begin(), extents.end());
  std::vector<std::array<std::int64_t, 2>> joined;
  for (const auto& [stride, size] : extents) {
    if (!joined.empty() && stride == joined.back()[0] * joined.back()[1]) {
      joined.back()[1] *= size;
    } else {
      joined.push_back({stride, size});
    }
  }
  return {tensor.storage().unsafeGetStorageImpl(),
          tensor.storage_offset(),
          std::move(joined),
          std::int64_t(tensor._version()),
          bits_of(tensor.min().item<double>()),
          bits_of(tensor.max().item<double>())};
}

// Puts the network into evaluation mode without quantizers (some initialise themselves on the first
// tensor that they see) and with stand-ins for products, and everything back as it was, also when
// the pass throws.
class ProbeGuard {
 public:
  ProbeGuard(Network& network, std::vector<NamedQuantLayer>& layers)
      : layers_(layers), modes_(network) {
    for (NamedQuantLayer& l : layers_) {
      quantizers_.emplace_back(l.layer->weight_quantizer(), l.layer->input_quantizer());
      l.layer->set_quantizers(nullptr, nullptr);
      l.layer->set_stand_in(true);
    }
    network.eval();
  }
  ~ProbeGuard() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i].layer->set_stand_in(false);
      layers_[i].layer->set_quantizers(quantizers_[i].first, quantizers_[i].second);
    }
  }

 private:
  std::vector<NamedQuantLayer>& layers_;
  std::vector<std::pair<std::shared_ptr<Quantizer>, std::shared_ptr<Quantizer>>> quantizers_;
  TrainingModes modes_;
};

// Fills LayerInfo::block; the layers of `info` are in forward order.
void mark_blocks(NetworkInfo& info, const std::vector<Block>& blocks) {
  const auto fault = [&](const std::string& what) {
    return PluginError("network " + info.model + ": blocks(): " + what +
                       "; the network plugin is at fault");
  };
  std::set<std::string> names;
  for (const Block& block : blocks) {
    if (block.name.empty()) throw fault("a unit has no name");
    if (!names.insert(block.name).second) throw fault("two units are named '" + block.name + "'");
    if (!block.forward) throw fault("unit '" + block.name + "' has no function to run it");
    std::ptrdiff_t before = -1;
    for (const std::string& name : block.layers) {
      const auto layer = std::find_if(info.layers.begin(), info.layers.end(),
                                      [&](const LayerInfo& l) { return l.name == name; });
      if (layer == info.layers.end()) {
        throw fault("unit '" + block.name + "' lists '" + name +
                    "', which is no quantizable layer of the network");
      }
      if (!layer->block.empty()) {
        throw fault("layer '" + name + "' is listed by unit '" + layer->block + "' and by unit '" +
                    block.name + "'; every layer lies in one");
      }
      layer->block = block.name;
      if (layer - info.layers.begin() < before) {
        throw fault("unit '" + block.name + "' lists '" + name + "' behind '" +
                    info.layers[std::size_t(before)].name + "', which runs later");
      }
      before = layer - info.layers.begin();
    }
  }
  if (blocks.empty()) return;
  for (const LayerInfo& layer : info.layers) {
    if (layer.block.empty()) {
      throw fault("no unit lists layer '" + layer.name + "'; every layer lies in one");
    }
  }
}

}  // namespace

std::vector<NamedQuantLayer> quant_layers(Network& network) {
  std::vector<NamedQuantLayer> layers;
  for (const auto& item : network.named_modules("", /*include_self=*/false)) {
    if (auto* layer = dynamic_cast<QuantLayer*>(item.value().get())) {
      layers.push_back({item.key(), layer});
    }
  }
  return layers;
}

NetworkInfo probe(Network& network, const std::string& model) {
  NetworkInfo info;
  info.model = model;
  info.input_shape = network.input_shape();
  std::vector<NamedQuantLayer> layers = quant_layers(network);
  // A weak pointer keeps the address of a storage from being used again, but not its memory.
  std::map<Elements, int> input_groups;
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> storages;
  std::map<std::string, int> uses;
  {
    ProbeGuard guard(network, layers);
    std::vector<LayerObserver> observers;
    for (NamedQuantLayer& named : layers) {
      observers.push_back(named.layer->observe([&, named](const LayerTap& tap) {
        ++uses[named.name];
        LayerInfo layer;
        layer.name = named.name;
        layer.op = named.layer->op();
        layer.macs = macs_of(tap.weight, tap.output);
        layer.weights = tap.weight.numel();
        layer.groups = named.layer->groups();
        layer.weight_shape = tap.weight.sizes().vec();
        layer.input_shape = tap.input.sizes().slice(1).vec();
        layer.output_shape = tap.output.sizes().slice(1).vec();
        const QuantLayer::Geometry geometry = named.layer->geometry();
        layer.stride = geometry.stride;
        layer.padding = geometry.padding;
        layer.dilation = geometry.dilation;
        layer.signed_input =
            named.layer->declares_signed_input() || tap.input.min().item<float>() < 0;
        storages.push_back(tap.input.storage().getWeakStorageImpl());
        layer.input_group =
            input_groups.emplace(elements_of(tap.input), int(input_groups.size())).first->second;
        info.layers.push_back(layer);
      }));
    }
    torch::NoGradGuard no_grad;
    const auto parameters = network.parameters();
    const torch::Device device = parameters.empty() ? torch::kCPU : parameters.front().device();
    try {
      network.forward(network.example_batch().to(device));
    } catch (const c10::Error& e) {
      throw ConfigError("network " + model +
                        ": cannot take its own input (example_batch(), by default one sample of " +
                        std::to_string(product(info.input_shape)) +
                        " normal values): " + e.what_without_backtrace());
    }
  }
  for (const NamedQuantLayer& named : layers) {
    const int n = uses[named.name];
    if (n == 1) continue;
    throw ConfigError("network " + model + ": layer '" + named.name + "' is used " +
                      std::to_string(n) +
                      " times in one forward pass; every quantizable layer must be used once");
  }
  mark_blocks(info, network.blocks());
  std::int64_t parameters = 0, weights = 0;
  for (const auto& p : network.named_parameters()) {
    if (!detail::is_quantizer_state(p.key())) parameters += p.value().numel();
  }
  for (const LayerInfo& layer : info.layers) weights += layer.weights;
  info.other_parameters = parameters - weights;
  for (const auto& module : network.modules(false)) {
    if (auto* bn = dynamic_cast<nn::BatchNorm2dImpl*>(module.get())) {
      info.batch_norm_elements += bn->last_elements();
    }
    if (auto* pool = dynamic_cast<nn::GlobalAvgPool2dImpl*>(module.get())) {
      info.pooling_ops += pool->last_ops();
    }
  }
  return info;
}

void apply_policy(Network& network, const BitPolicy& policy,
                  const QuantizerFactory& weight_quantizer,
                  const QuantizerFactory& activation_quantizer) {
  const std::vector<NamedQuantLayer> layers = quant_layers(network);
  NetworkInfo known;
  for (const NamedQuantLayer& named : layers) {
    known.layers.emplace_back();
    known.layers.back().name = named.name;
    known.layers.back().signed_input = named.layer->declares_signed_input();  // else not known
  }
  policy.check_against(known, "policy");
  for (const NamedQuantLayer& named : layers) {
    const LayerChoice* found = policy.find(named.name);
    const LayerChoice choice = found ? *found : LayerChoice{};
    const auto fitted = [&](const Format& format, std::shared_ptr<Quantizer> current,
                            const QuantizerFactory& factory, QuantizerSite::Role role) {
      if (format.is_float32()) return std::shared_ptr<Quantizer>();
      const bool fresh = !current || !current->accepts(format);
      if (fresh) {
        current = factory(format);
        current->attach({role, named.name, named.layer->float_weight()});
      }
      if (fresh || current->format() != format) current->set_format(format);
      return current;
    };
    auto weight = fitted(choice.weight, named.layer->weight_quantizer(), weight_quantizer,
                         QuantizerSite::Role::kWeight);
    auto input = fitted(choice.activation, named.layer->input_quantizer(), activation_quantizer,
                        QuantizerSite::Role::kActivation);
    named.layer->set_quantizers(std::move(weight), std::move(input));
  }
}

std::vector<std::pair<std::string, torch::Tensor>> state_of(const Network& network) {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const auto& p : network.named_parameters()) state.emplace_back(p.key(), p.value());
  for (const auto& b : network.named_buffers()) state.emplace_back(b.key(), b.value());
  return state;
}

}  // namespace deneb
