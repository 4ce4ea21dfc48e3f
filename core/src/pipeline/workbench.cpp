#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <deneb/pipeline/workbench.h>
#include <torch/torch.h>

namespace deneb {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

}  // namespace

Workbench::Workbench(const Registry& registry, ModelSection section, torch::Device device)
    : registry_(registry), section_(std::move(section)), device_(device) {
  const auto network = registry_.make<Network>(section_.network);
  info_ = probe(*network, section_.network.type);
  dataset_ = registry_.make<Dataset>(section_.dataset);
  evaluator_ = registry_.make<Evaluator>(section_.evaluator);
  const DatasetInfo data = dataset_->info();
  if (data.sample_shape != network->input_shape()) {
    throw ConfigError("network: " + info_.model + " takes samples of " +
                      shape_text(network->input_shape()) + ", dataset " + section_.dataset.type +
                      " gives " + shape_text(data.sample_shape) +
                      "; set the network's channel and image size options");
  }
  if (data.num_classes != network->num_classes()) {
    throw ConfigError("network.num_classes: " + info_.model + " has " +
                      std::to_string(network->num_classes()) + " outputs, dataset " +
                      section_.dataset.type + " has " + std::to_string(data.num_classes) +
                      " classes");
  }
  for (const std::string& name : registry_.names(CostModel::kKind)) {
    costs_[name] = registry_.make<CostModel>({name, nlohmann::json::object()});
  }
  for (const NamedCostModel& named : section_.cost_models) {
    costs_[named.name.empty() ? named.model.type : named.name] =
        registry_.make<CostModel>(named.model);
  }
}

Workbench::~Workbench() = default;

std::shared_ptr<Network> Workbench::make_network(std::uint64_t seed) const {
  return make_network(seed, section_.weights);
}

std::shared_ptr<Network> Workbench::make_network(std::uint64_t seed,
                                                 const std::string& weights) const {
  at::manual_seed(seed);
  auto network = registry_.make<Network>(section_.network);
  if (!weights.empty()) {
    const TensorFile file = read_safetensors(weights);
    load_state(*network, file.tensors, weights);
  }
  network->to(device_);
  return network;
}

std::shared_ptr<Network> Workbench::make_quantized(std::uint64_t seed, const std::string& weights,
                                                   const BitPolicy& policy) const {
  const auto network = make_network(seed, weights);
  apply(*network, policy);
  if (!weights.empty()) load_state(*network, read_safetensors(weights).tensors, weights);
  return network;
}

void Workbench::apply(Network& network, const BitPolicy& policy) const {
  const auto factory = [this](const PluginSpec& spec) {
    return [this, &spec] { return registry_.make<Quantizer>(spec); };
  };
  apply_policy(network, policy, factory(section_.quantizer.weight),
               factory(section_.quantizer.activation));
  network.to(device_);
}

const DataLoader& Workbench::data() {
  if (!loader_) {
    dataset_->open();
    loader_ = std::make_unique<DataLoader>(dataset_, section_.data_loader);
  }
  return *loader_;
}

std::map<std::string, double> Workbench::costs(const BitPolicy& policy) const {
  std::map<std::string, double> costs;
  for (const auto& [name, model] : costs_) costs[name] = model->total(info_, policy);
  return costs;
}

const CostModel& Workbench::cost_model(const std::string& name) const {
  const auto it = costs_.find(name);
  if (it != costs_.end()) return *it->second;
  std::string known;
  for (const auto& entry : costs_) known += (known.empty() ? "" : ", ") + entry.first;
  throw ConfigError("cost model '" + name + "' is unknown; there are: " + known);
}

nlohmann::ordered_json network_json(const NetworkInfo& info) {
  auto layers = nlohmann::ordered_json::array();
  for (const LayerInfo& layer : info.layers) {
    layers.push_back({{"name", layer.name},
                      {"op", layer.op},
                      {"macs", layer.macs},
                      {"weights", layer.weights},
                      {"groups", layer.groups},
                      {"input_shape", layer.input_shape},
                      {"output_shape", layer.output_shape},
                      {"signed_input", layer.signed_input},
                      {"input_group", layer.input_group},
                      {"pinned", layer.pinned}});
  }
  return {{"type", info.model},
          {"input_shape", info.input_shape},
          {"other_parameters", info.other_parameters},
          {"layers", layers}};
}

}  // namespace deneb
