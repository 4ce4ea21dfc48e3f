#include "proxies.h"

#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <deneb/data/data_loader.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/cross_entropy.h>

#include "orm.h"

namespace deneb::emq {
namespace {

using torch::Tensor;

double sum_of(const Tensor& x) { return x.sum(torch::kFloat64).item<double>(); }

double fisher(const LayerStatistics& layer) { return sum_of(fisher_by_channel(layer)); }
double fisher_broadcast(const LayerStatistics& layer) {
  return fisher(layer) * double(layer.weight.numel() / layer.weight.size(0));
}
double trace(const LayerStatistics& layer) { return layer.hessian_trace; }
double mean_trace(const LayerStatistics& layer) {
  return layer.hessian_trace / double(layer.weight.numel());
}
double eigenvalue(const LayerStatistics& layer) { return layer.hessian_eigenvalue; }
double eigenvalue_density(const LayerStatistics& layer) {
  return layer.hessian_eigenvalue / double(layer.weight.numel());
}
double published(const LayerStatistics& layer) { return published_coefficient(layer.weight); }

// A proxy that follows from statistics of every layer alone.
struct OfStatistics {
  const char* name;
  std::vector<bool StatisticsRequest::*> needs;
  double (*value)(const LayerStatistics&);
};

const OfStatistics* find_of_statistics(const std::string& name) {
  using R = StatisticsRequest;
  static const std::vector<OfStatistics> all = {
      {"snip", {&R::weight, &R::gradient}, snip},
      {"plain", {&R::weight, &R::gradient}, plain},
      {"grad_norm", {&R::gradient}, grad_norm},
      {"fisher", {&R::activation, &R::activation_gradient}, fisher},
      {"fisher_broadcast", {&R::weight, &R::activation, &R::activation_gradient}, fisher_broadcast},
      {"hawqv1", {&R::hessian_eigenvalue}, eigenvalue},
      {"hawqv1_density", {&R::weight, &R::hessian_eigenvalue}, eigenvalue_density},
      {"hawqv2_bits", {&R::hessian_trace}, trace},
      {"emq_published", {&R::weight}, published}};
  for (const OfStatistics& proxy : all) {
    if (proxy.name == name) return &proxy;
  }
  return nullptr;
}

// Layers whose weight is a decision, with what else is known of them.
struct Searched {
  const LayerInfo* info;
  std::vector<Format> candidates;
  Format activation;  // where the space fixes it; else the widest
  bool decides_both = false;
};

std::vector<Searched> searched_layers(const SearchSpace& space) {
  const BitPolicy widest = space.decode(space.widest());
  std::vector<Searched> layers;
  for (const LayerGenes& genes : space.layer_genes()) {
    if (!genes.weight) continue;
    const LayerInfo& info = space.network().layers[genes.layer];
    const Gene& gene = space.genes()[*genes.weight];
    layers.push_back({&info, gene.candidates, widest.find(info.name)->activation,
                      gene.role == Gene::Role::kBoth});
  }
  return layers;
}

// Makes the table of one proxy.
class Computation {
 public:
  Computation(SearchContext& context, const ProxyOptions& options)
      : context_(context), options_(options), layers_(searched_layers(context.space())) {}

  ProxyTable run() {
    const std::string& proxy = options_.proxy;
    if (const OfStatistics* of = find_of_statistics(proxy)) {
      statistics(*of);
    } else if (proxy == "synflow" || proxy == "synflow_bn") {
      const auto network = make_network();
      times_bits(synflow(*network, proxy == "synflow_bn", context_.device(), &table_.work));
    } else if (proxy == "orm") {
      times_bits(orm());
    } else if (proxy == "qe") {
      entropy();
    } else if (proxy == "bparams" || proxy == "bops") {
      cost(proxy == "bops");
    } else if (proxy == "bitsum") {
      fill([](const Searched&, const Format& format) { return double(format.bits); });
    } else {
      errors();
    }
    table_.values.model = context_.space().network().model;
    table_.values.origin = "ProxyScores, " + proxy;
    return std::move(table_);
  }

 private:
  using Value = std::function<double(const Searched& layer, const Format& format)>;

  void fill(const Value& value) {
    for (const Searched& layer : layers_) {
      LayerScore scores{layer.info->name, {}, {}};
      for (const Format& candidate : layer.candidates) {
        const Format format =
            candidate.is_integer() ? Format::integer(candidate.bits, true) : candidate;
        const double number = value(layer, format);
        if (!std::isfinite(number)) {
          throw RunError("ProxyScores: the value of " + layer.info->name + " is not finite with " +
                         options_.proxy + "; take another proxy, or look at the weights");
        }
        scores.weight[format.text()] = number;
        // The weight says for both what the width does.
        if (layer.decides_both) scores.activation[format.text()] = 0;
      }
      table_.values.layers.push_back(std::move(scores));
    }
  }
  void times_bits(const LayerValues& values) {
    fill([&](const Searched& layer, const Format& format) {
      return values.at(layer.info->name) * format.bits;
    });
  }

  std::shared_ptr<Network> make_network() {
    const auto network = context_.make_network();
    if (options_.weights == "random") randomize(*network, context_.seed("weights"));
    network->to(context_.device());
    return network;
  }

  StatisticsRequest request_of(const std::vector<bool StatisticsRequest::*>& needs) const {
    StatisticsRequest request;
    for (const auto flag : needs) request.*flag = true;
    request.convolutions_only = options_.layers == "conv";
    request.hessian = {options_.hessian_draws, options_.hessian_tolerance};
    return request;
  }

  // Calls `use` with the statistics of every batch.
  void for_batches(StatisticsRequest request,
                   const std::function<void(const std::vector<LayerStatistics>&)>& use) {
    const auto network = make_network();
    const auto batches = first_batches(context_.data(), options_.batch_size, options_.batches);
    std::mt19937_64 rng = context_.rng("statistics");
    for (std::size_t i = 0; i < batches.size(); ++i) {
      if (request.hessian_trace || request.hessian_eigenvalue) {
        request.hessian_record =
            context_.artifact_path("hessian_" + std::to_string(i) + ".checkpoint.json");
        request.identity = context_.space().network().model + " " + options_.weights + " " +
                           std::to_string(options_.batch_size) + " " +
                           std::to_string(options_.hessian_draws) + " " +
                           std::to_string(options_.hessian_tolerance);
      }
      use(collect_statistics(*network, batches[i], context_.criterion(), request, rng,
                             context_.device(), &table_.work));
      context_.progress(std::int64_t(i + 1), std::int64_t(batches.size()), options_.proxy);
    }
  }

  void statistics(const OfStatistics& proxy) {
    LayerValues values;
    for_batches(request_of(proxy.needs), [&](const std::vector<LayerStatistics>& layers) {
      for (const LayerStatistics& layer : layers) {
        values[layer.name] += proxy.value(layer) / options_.batches;
      }
    });
    if (options_.proxy != "emq_published") return times_bits(values);
    fill([&](const Searched& layer, const Format& format) {
      return std::sqrt(double(format.bits)) * values.at(layer.info->name) / double(layers_.size());
    });
  }

  // Among the layers that are searched: of pinned ones nobody asks what a bit is worth.
  LayerValues orm() {
    std::set<std::string> names;
    for (const Searched& layer : layers_) names.insert(layer.info->name);
    LayerValues values;
    for_batches(request_of({&StatisticsRequest::activation}),
                [&](const std::vector<LayerStatistics>& layers) {
                  std::vector<Tensor> grams;
                  std::vector<std::string> order;
                  for (const LayerStatistics& layer : layers) {
                    if (names.count(layer.name) == 0) continue;
                    order.push_back(layer.name);
                    grams.push_back(centered_gram(layer.activation));
                  }
                  const auto worths = orthogonal_worths(redundancies(grams), options_.beta);
                  for (std::size_t i = 0; i < order.size(); ++i) {
                    values[order[i]] += worths[i] / double(order.size()) / double(options_.batches);
                  }
                });
    return values;
  }

  void entropy() {
    const LayerValues weights = entropy_weights(context_.space().network());
    fill([&](const Searched& layer, const Format& format) {
      const int a = layer.activation.is_integer() ? layer.activation.bits : 8;
      return weights.at(layer.info->name) *
             std::log(gaussian_deviation(a) * gaussian_deviation(format.bits));
    });
  }

  void cost(bool of_operations) {
    const std::string usual = of_operations ? "bitops" : "size";
    const CostModel& model = context_.cost_model(options_.cost.empty() ? usual : options_.cost);
    const double unit = !options_.cost.empty() ? 1 : of_operations ? 1e9 : 8.0 * (1 << 20);
    fill([&](const Searched& layer, const Format& format) {
      return model.layer(*layer.info, {format, layer.activation}) / unit;
    });
  }

  // Proxies of what the step's quantizer does to the weight. Without bits of their own.
  void errors() {
    table_.more_is_better = false;
    std::vector<bool StatisticsRequest::*> needs = {&StatisticsRequest::weight};
    if (options_.proxy == "hawqv2_omega") needs.push_back(&StatisticsRequest::hessian_trace);
    if (options_.proxy == "fisher_error") needs.push_back(&StatisticsRequest::fisher_diagonal);
    std::map<std::string, LayerStatistics> known;
    LayerValues means;
    for_batches(request_of(needs), [&](const std::vector<LayerStatistics>& layers) {
      for (const LayerStatistics& layer : layers) {
        const auto [found, is_new] = known.emplace(layer.name, layer);
        if (!is_new && layer.fisher_diagonal.defined()) {
          found->second.fisher_diagonal.add_(layer.fisher_diagonal);
        }
        if (options_.proxy == "hawqv2_omega") {
          means[layer.name] += mean_trace(layer) / options_.batches;
        }
      }
    });
    fill([&](const Searched& layer, const Format& format) {
      const LayerStatistics& s = known.at(layer.info->name);
      const Tensor error = (s.weight - quantized(layer.info->name, s.weight, format)).square();
      if (options_.proxy == "weight_error") return sum_of(error);
      if (options_.proxy == "hawqv2_omega") return means.at(s.name) * sum_of(error);
      return sum_of(s.fisher_diagonal * error) / (2 * options_.batches);
    });
  }

  Tensor quantized(const std::string& name, const Tensor& weight, const Format& format) {
    if (format.is_float32()) return weight;
    torch::NoGradGuard no_grad;
    const auto quantizer = context_.make_quantizer(QuantizerRole::kWeight, format);
    quantizer->attach({QuantizerRole::kWeight, name, weight});
    quantizer->set_format(format);
    quantizer->to(context_.device());
    quantizer->eval();
    return quantizer->quantize(weight);
  }

  SearchContext& context_;
  const ProxyOptions& options_;
  std::vector<Searched> layers_;
  ProxyTable table_;
};

// Makes all numbers of the state absolute, so that nothing cancels out.
void make_absolute(Network& network) {
  torch::NoGradGuard no_grad;
  for (auto& item : state_of(network)) {
    if (item.second.is_floating_point()) item.second.abs_();
  }
}

std::vector<nn::BatchNorm2dImpl*> norms_of(Network& network) {
  std::vector<nn::BatchNorm2dImpl*> norms;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    if (auto* norm = dynamic_cast<nn::BatchNorm2dImpl*>(module.get())) norms.push_back(norm);
  }
  return norms;
}

// The place of every layer among the blocks, and the output channels of the blocks.
struct Blocks {
  std::vector<std::size_t> of_layer;
  std::vector<std::int64_t> channels;
};

// Blocks are the units with convolutions but the first; what lies before counts as the first
// block's, what lies behind as the last one's. Networks without units: every layer is one.
Blocks blocks_of(const NetworkInfo& network) {
  std::vector<std::string> names;
  std::vector<std::int64_t> channels;
  std::vector<bool> convolves;
  std::vector<std::size_t> unit_of;
  for (const LayerInfo& layer : network.layers) {
    const std::string name = layer.block.empty() ? layer.name : layer.block;
    if (names.empty() || names.back() != name) {
      names.push_back(name);
      channels.push_back(0);
      convolves.push_back(false);
    }
    if (!layer.weight_shape.empty()) channels.back() = layer.weight_shape[0];
    if (layer.op == "conv2d") convolves.back() = true;
    unit_of.push_back(names.size() - 1);
  }
  // Without the first unit, and without the linear ones at the end, if blocks are left then.
  std::size_t begin = 1, end = names.size();
  while (end > begin && !convolves[end - 1]) --end;
  if (begin >= end) begin = 0, end = names.size();
  Blocks blocks;
  blocks.channels.assign(channels.begin() + std::ptrdiff_t(begin),
                         channels.begin() + std::ptrdiff_t(end));
  for (const std::size_t unit : unit_of) {
    blocks.of_layer.push_back(std::min(std::max(unit, begin), end - 1) - begin);
  }
  return blocks;
}

}  // namespace

double snip(const LayerStatistics& layer) { return sum_of((layer.gradient * layer.weight).abs()); }

double plain(const LayerStatistics& layer) { return sum_of(layer.gradient * layer.weight); }

double grad_norm(const LayerStatistics& layer) {
  return std::sqrt(sum_of(layer.gradient.square()));
}

Tensor fisher_by_channel(const LayerStatistics& layer) {
  Tensor product = (layer.activation * layer.activation_gradient).to(torch::kFloat64);
  if (layer.activation.dim() == 4) {
    product = product.sum({2, 3});
  } else if (layer.activation.dim() == 3) {
    product = product.sum(1);  // over the tokens
  }
  return product.square().mean(0) / 2;
}

double published_coefficient(const Tensor& weight) {
  return sum_of(weight.relu().sqrt()) / double(weight.numel()) / double(weight.size(0));
}

LayerValues synflow(Network& network, bool keep_norms, c10::Device device, StatisticsWork* work) {
  if (!network.example_batch().input().is_floating_point()) {
    throw ConfigError(
        "synflow: needs a network that reads images, and this one reads token ids; take another "
        "proxy");
  }
  network.to(torch::kFloat64);
  make_absolute(network);
  if (!keep_norms) {
    for (nn::BatchNorm2dImpl* norm : norms_of(network)) {
      norm->set_folding(nn::BatchNorm2dImpl::Folding::kForATime);
    }
  }
  std::vector<std::int64_t> shape = network.input_shape();
  shape.insert(shape.begin(), 1);
  Batch batch;
  batch["input"] = torch::ones(shape, torch::kFloat64);
  StatisticsRequest request;
  request.weight = request.virtual_gradient = true;
  std::mt19937_64 rng;
  LayerValues values;
  for (const LayerStatistics& layer :
       collect_statistics(network, batch, CrossEntropy(), request, rng, device, work)) {
    values[layer.name] = sum_of((layer.weight * layer.virtual_gradient).abs());
  }
  return values;
}

double gaussian_deviation(int bits) {
  if (bits < 2)
    throw ConfigError("qe: knows widths from 2 bits on, and was asked for " + std::to_string(bits));
  if (bits == 2) return 1.0089193649965897;
  if (bits == 3) return 1.0408034134404924;
  return 1.0408329944621846;
}

double quantization_entropy(const std::vector<EntropyStage>& stages,
                            const std::vector<BlockWidths>& blocks) {
  double entropy = 0;
  for (const EntropyStage& stage : stages) {
    double sum = std::log(stage.channels);
    for (std::size_t b = 0; b < stage.blocks; ++b) {
      for (const auto& [w, a] : blocks[b]) {
        sum += std::log(gaussian_deviation(a) * gaussian_deviation(w));
      }
    }
    entropy += stage.ratio * sum;
  }
  return entropy;
}

std::vector<EntropyStage> entropy_stages(const NetworkInfo& network) {
  const std::vector<std::int64_t> channels = blocks_of(network).channels;
  std::vector<EntropyStage> stages;
  for (std::size_t b = 0; b < channels.size(); ++b) {
    const bool last = b + 1 == channels.size();
    if (b == 0 || last || channels[b] != channels[b - 1]) {
      stages.push_back({0, double(channels[b]), 0});
    }
    stages.back().blocks = b + 1;
  }
  const double ratios[] = {6, 1, 1};  // from the last stage on
  for (std::size_t i = 0; i < std::min<std::size_t>(3, stages.size()); ++i) {
    stages[stages.size() - 1 - i].ratio = ratios[i];
  }
  return stages;
}

LayerValues entropy_weights(const NetworkInfo& network) {
  const std::vector<std::size_t> block_of = blocks_of(network).of_layer;
  LayerValues weights;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    double& weight = weights[network.layers[i].name];
    for (const EntropyStage& stage : entropy_stages(network)) {
      if (block_of[i] < stage.blocks) weight += stage.ratio;
    }
  }
  return weights;
}

void randomize(Network& network, std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (const NamedQuantLayer& named : quant_layers(network)) {
    Tensor& weight = named.layer->float_weight();
    const double inputs = double(weight.numel() / weight.size(0));
    weight.copy_(torch::randn(weight.sizes(), generator) * std::sqrt(2 / inputs));
    if (named.layer->float_bias().defined()) Tensor(named.layer->float_bias()).zero_();
  }
  for (nn::BatchNorm2dImpl* norm : norms_of(network)) {
    norm->reset_running_stats();
    norm->weight.fill_(1);
    norm->bias.zero_();
  }
}

LayerScores ProxyTable::damage() const {
  LayerScores scores = values;
  if (!more_is_better) return scores;
  for (LayerScore& layer : scores.layers) {
    for (auto& entry : layer.weight) entry.second = -entry.second;
  }
  return scores;
}

void check_proxy(const SearchSetup& setup, const ProxyOptions& options) {
  const std::vector<Searched> layers = searched_layers(setup.space());
  if (layers.empty()) {
    throw ConfigError(
        "search_algorithm.proxy: scores weights, and search_space fixes all of them; let them be "
        "searched");
  }
  for (const Searched& layer : layers) {
    if (options.layers == "conv" && layer.info->op != "conv2d") {
      throw ConfigError("search_algorithm.layers: conv leaves out '" + layer.info->name +
                        "', which is searched; take all, or pin it in search_space.overrides");
    }
    for (const Format& format : layer.candidates) {
      if (options.proxy == "qe" && (!format.is_integer() || format.bits < 2)) {
        throw ConfigError("search_algorithm.proxy: qe knows integers from 2 bits on, and " +
                          format.text() + " is a candidate; take another proxy");
      }
    }
  }
  if (options.proxy == "bparams" || options.proxy == "bops") {
    const char* usual = options.proxy == "bops" ? "bitops" : "size";
    setup.cost_model(options.cost.empty() ? usual : options.cost);
  }
}

ProxyTable compute_proxy(SearchContext& context, const ProxyOptions& options) {
  check_proxy(context, options);
  return Computation(context, options).run();
}

}  // namespace deneb::emq
