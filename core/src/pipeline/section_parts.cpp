#include <deneb/io/weight_file.h>
#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/initialization.h>
#include <deneb/nn/walk.h>
#include <deneb/pipeline/section_parts.h>
#include <deneb/quant/quantizer.h>
#include <deneb/random.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

namespace deneb {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

// Step sizes of another width have the same shape and would be taken without a word. Files that do
// not say which policy they were trained with are taken as they are. Tells the report what was
// dropped.
void drop_foreign_quantizers(TensorFile& file, const BitPolicy& policy, const std::string& path,
                             LoadReport& report) {
  if (!file.metadata.count("deneb.policy")) return;
  const BitPolicy trained = trained_policy(file, path);
  const auto foreign = [&](const std::string& name) {
    for (const char* part : {".weight_quantizer.", ".input_quantizer."}) {
      const std::size_t at = name.find(part);
      if (at == std::string::npos) continue;
      const LayerChoice* before = trained.find(name.substr(0, at));
      const LayerChoice* now = policy.find(name.substr(0, at));
      if (!before || !now) return true;
      return part[1] == 'w' ? before->weight != now->weight : before->activation != now->activation;
    }
    return false;
  };
  report.quantized = !trained.empty();
  for (const auto& entry : file.tensors) {
    if (foreign(entry.first)) report.unused.push_back(entry.first);
  }
  file.tensors.erase(std::remove_if(file.tensors.begin(), file.tensors.end(),
                                    [&](const auto& entry) { return foreign(entry.first); }),
                     file.tensors.end());
}

bool belongs_to_quantizer(const std::string& name) {
  return name.find(".weight_quantizer.") != std::string::npos ||
         name.find(".input_quantizer.") != std::string::npos;
}

// The first so many batches of a stream; stops when asked to.
class FirstBatches final : public BatchStream {
 public:
  FirstBatches(std::unique_ptr<BatchStream> stream, int count)
      : stream_(std::move(stream)), left_(count) {}
  bool next(Batch& batch) override { return left_-- > 0 && stream_.next(batch); }

 private:
  StoppableStream stream_;
  int left_;
};

// A method of the section and the option that names it.
struct Method {
  std::string key;
  const PluginSpec& spec;
};

Method method_of(const QuantizerOptions& options, QuantizerSite::Role role, const Format& format) {
  if (role == QuantizerSite::Role::kWeight) {
    return format.is_integer() ? Method{"quantizer.weight", options.weight}
                               : Method{"quantizer.float_weight", options.float_weight};
  }
  return format.is_integer() ? Method{"quantizer.activation", options.activation}
                             : Method{"quantizer.float_activation", options.float_activation};
}

}  // namespace

SectionParts::SectionParts(const Registry& registry, ModelSection section, torch::Device device)
    : registry_(registry), section_(std::move(section)), device_(device) {
  std::shared_ptr<Network> network;
  {
    const nn::SkipInitialization skip;  // nobody reads its weights
    network = registry_.make<Network>(section_.network);
  }
  info_ = probe(*network, section_.network.type);
  dataset_ = registry_.make<Dataset>(section_.dataset);
  trainer_ = registry_.make<Trainer>(section_.trainer);
  criterion_ = registry_.make<Criterion>(section_.criterion);
  evaluator_ = registry_.make<Evaluator>(section_.evaluator);
  const DatasetInfo data = dataset_->info();
  if (data.sample_shape != network->input_shape()) {
    throw ConfigError("network: " + info_.model + " takes samples of " +
                      shape_text(network->input_shape()) + ", dataset " + section_.dataset.type +
                      " gives " + shape_text(data.sample_shape) +
                      "; set the network's options for channels, image size or max_length");
  }
  if (data.num_classes != network->num_classes()) {
    throw ConfigError("network.num_classes: " + info_.model + " has " +
                      std::to_string(network->num_classes()) + " outputs, dataset " +
                      section_.dataset.type + " has " + std::to_string(data.num_classes) +
                      " classes");
  }
  check_data_loader(section_.data_loader, data);
  for (const std::string& name : registry_.names(CostModel::kKind)) {
    try {
      costs_[name] = registry_.make<CostModel>({name, nlohmann::json::object()});
    } catch (const ConfigError& e) {
      unusable_costs_[name] = e.what();  // needs options; only those who name it have to give them
    }
  }
  std::set<std::string> names;
  for (const Objective& metric : evaluator_->metrics()) names.insert(metric.name);
  for (const NamedCostModel& named : section_.cost_models) {
    const std::string& name = named.name.empty() ? named.model.type : named.name;
    if (!names.insert(name).second) {
      throw ConfigError(
          "cost_models: two of them, or one and a metric of the evaluator, are called '" + name +
          "'; give each a name of its own");
    }
    costs_[name] = registry_.make<CostModel>(named.model);
  }
}

SectionParts::~SectionParts() = default;

std::shared_ptr<Network> SectionParts::make_network(std::uint64_t seed) const {
  return make_network(seed, section_.weights);
}

std::shared_ptr<Network> SectionParts::make_network(std::uint64_t seed,
                                                    const std::string& weights) const {
  at::manual_seed(seed);
  auto network = registry_.make<Network>(section_.network);
  if (!weights.empty()) {
    load(*network, read_weights(weights), weights);
  }
  if (trainer_->wants_folded_batch_norms()) fold_batch_norms(*network);
  network->to(device_);
  return network;
}

std::shared_ptr<Network> SectionParts::make_quantized(std::uint64_t seed,
                                                      const std::string& weights,
                                                      const BitPolicy& policy,
                                                      LoadReport* report) const {
  at::manual_seed(seed);
  const auto network = registry_.make<Network>(section_.network);
  TensorFile file;
  if (!weights.empty()) {
    file = read_weights(weights);
    load(*network, file, weights);
  }
  const bool folded = trainer_->wants_folded_batch_norms();
  if (folded) {
    fold_batch_norms(*network);
    // Of the file, only the state of quantizers is still to come.
    file.tensors.erase(
        std::remove_if(file.tensors.begin(), file.tensors.end(),
                       [](const auto& entry) { return !belongs_to_quantizer(entry.first); }),
        file.tensors.end());
    for (auto& entry : state_of(*network)) file.tensors.push_back(std::move(entry));
  }
  network->to(device_);
  apply(*network, policy);
  if (!weights.empty()) {
    LoadReport dropped;
    drop_foreign_quantizers(file, policy, weights, dropped);
    LoadReport loaded =
        folded ? load_state(*network, file, weights) : load(*network, file, weights);
    loaded.quantized |= dropped.quantized;
    loaded.unused.insert(loaded.unused.end(), dropped.unused.begin(), dropped.unused.end());
    if (report) *report = std::move(loaded);
  }
  return network;
}

std::unique_ptr<BatchStream> SectionParts::calibration_data() {
  return std::make_unique<FirstBatches>(data().train(derive_seed(0, "calibration"), /*epoch=*/0),
                                        section_.quantizer.calibration_batches);
}

void SectionParts::calibrate(Network& network) {
  std::vector<std::shared_ptr<Quantizer>> waiting;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    const auto quantizer = std::dynamic_pointer_cast<Quantizer>(module);
    if (quantizer && quantizer->needs_calibration()) waiting.push_back(quantizer);
  }
  if (waiting.empty() || section_.quantizer.calibration_batches == 0) return;
  torch::NoGradGuard no_grad;
  const EvaluationMode mode(network);
  for (const auto& quantizer : waiting) quantizer->start_calibration();
  const auto stream = calibration_data();
  Batch batch;
  while (stream->next(batch)) network.forward(device_.is_cpu() ? batch : batch.to(device_));
  for (const auto& quantizer : waiting) quantizer->finish_calibration();
}

FitRequest SectionParts::fit_request(std::uint64_t seed) const {
  FitRequest request;
  request.seed = seed;
  request.device = device_;
  request.criterion = criterion_.get();
  request.evaluator = evaluator_.get();
  if (trainer_->wants_teacher()) request.teacher = make_network(0);
  return request;
}

std::shared_ptr<Network> SectionParts::make_outline(const BitPolicy& policy) const {
  const nn::SkipInitialization skip;  // nobody reads its weights
  auto network = registry_.make<Network>(section_.network);
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    const LayerChoice* choice = policy.find(named.name);
    const auto attached = [&](QuantizerSite::Role role, const Format& format) {
      auto quantizer = make_quantizer(role, format);
      if (quantizer) quantizer->attach({role, named.name, named.layer->float_weight()});
      return quantizer;
    };
    if (!choice) continue;
    named.layer->set_quantizers(attached(QuantizerSite::Role::kWeight, choice->weight),
                                attached(QuantizerSite::Role::kActivation, choice->activation));
  }
  return network;
}

void SectionParts::check_trainer(const std::vector<BitPolicy>& policies) const {
  TrainerSetting setting;
  setting.validation = section_.data_loader.train_portion < 1.0;
  setting.start_weights = !section_.weights.empty();
  setting.for_each_network = [&](const std::function<void(Network&)>& visit) {
    for (const BitPolicy& policy : policies) visit(*make_outline(policy));
  };
  trainer_->check(setting);
}

void SectionParts::check_weights() const {
  check_name_rules(section_.names);
  if (!std::filesystem::exists(section_.weights)) return;
  const nn::SkipInitialization skip;  // nobody reads its weights
  const auto network = registry_.make<Network>(section_.network);
  check_state(*network, read_weights(section_.weights, WeightCheck::kHeaders), section_.weights,
              section_.names);
}

void SectionParts::check_weights_of(const PluginSpec& spec, const std::string& source) const {
  check_name_rules(section_.names);
  if (spec.type == section_.network.type && spec.options == section_.network.options) return;
  const nn::SkipInitialization skip;  // nobody reads the weights
  TensorFile file;
  file.tensors = state_of(*registry_.make<Network>(spec));
  try {
    check_state(*registry_.make<Network>(section_.network), file, source, section_.names);
  } catch (const DataError& e) {
    throw ConfigError(std::string("weights: ") + e.what());
  }
}

LoadReport SectionParts::load(Network& network, const TensorFile& file,
                              const std::string& path) const {
  return load_state(network, file, path, path == section_.weights ? section_.names : NameRules{});
}

std::shared_ptr<Quantizer> SectionParts::make_quantizer(QuantizerSite::Role role,
                                                        const Format& format) const {
  if (format.is_float32()) return nullptr;
  return registry_.make<Quantizer>(method_of(section_.quantizer, role, format).spec);
}

void SectionParts::apply(Network& network, const BitPolicy& policy) const {
  const auto factory = [this](QuantizerSite::Role role) {
    return [this, role](const Format& format) { return make_quantizer(role, format); };
  };
  apply_policy(network, policy, factory(QuantizerSite::Role::kWeight),
               factory(QuantizerSite::Role::kActivation));
  network.to(device_);
}

const DataLoader& SectionParts::data() {
  if (!loader_) {
    dataset_->open();
    loader_ = std::make_unique<DataLoader>(dataset_, section_.data_loader);
  }
  return *loader_;
}

Metrics SectionParts::measure(Network& network, Split split) {
  StoppableStream stream(data().evaluate(split));
  const Metrics metrics = evaluator_->evaluate(network, stream, *criterion_, device_);
  for (const Metric& metric : metrics.all()) {
    if (!std::isfinite(metric.value)) {
      throw RunError("evaluator: " + metric.name +
                     " is not finite; the training diverged (lower the learning rate) or the "
                     "weights are damaged");
    }
  }
  return metrics;
}

std::vector<Objective> SectionParts::measures() const {
  std::vector<Objective> measures = evaluator_->metrics();
  for (const auto& entry : costs_) measures.push_back({entry.first, Direction::kMinimize});
  return measures;
}

void SectionParts::check_formats(const BitPolicy& policy) const {
  std::set<std::pair<QuantizerSite::Role, std::string>> known;
  const auto check = [&](QuantizerSite::Role role, const Format& format, const std::string& layer) {
    if (format.is_float32() || !known.emplace(role, format.text()).second) return;
    if (!format.is_integer()) refuse_misplaced_method(role);
    try {
      const auto quantizer = make_quantizer(role, format);
      quantizer->attach({role, layer, torch::ones({2, 2})});  // formats do not depend on weights
      quantizer->set_format(format);
    } catch (const ConfigError& e) {
      throw ConfigError(method_of(section_.quantizer, role, format).key + ": " + e.what());
    }
  };
  for (const auto& [layer, choice] : policy.layers()) {
    check(QuantizerSite::Role::kWeight, choice.weight, layer);
    check(QuantizerSite::Role::kActivation, choice.activation, layer);
  }
}

void SectionParts::refuse_misplaced_method(QuantizerSite::Role role) const {
  const Method integers = method_of(section_.quantizer, role, Format::integer(8, true));
  const auto quantizer = registry_.make<Quantizer>(integers.spec);
  for (int bits = 1; bits <= 16; ++bits) {
    if (quantizer->accepts(Format::integer(bits, true)) ||
        quantizer->accepts(Format::integer(bits, false))) {
      return;
    }
  }
  throw ConfigError(integers.key + ": " + integers.spec.type +
                    " takes no integers; small floats have options of their own, name it in " +
                    method_of(section_.quantizer, role, Format::small_float(2, 1)).key);
}

std::map<std::string, double> SectionParts::costs(const BitPolicy& policy) const {
  std::map<std::string, double> costs;
  for (const auto& [name, model] : costs_) costs[name] = model->total(info_, policy);
  return costs;
}

std::vector<std::string> SectionParts::cost_names() const {
  std::vector<std::string> names;
  for (const auto& entry : costs_) names.push_back(entry.first);
  return names;
}

std::vector<std::string> SectionParts::table_costs() const {
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [name, model] : costs_) {
    if (const int rank = model->table_rank(); rank > 0) ranked.emplace_back(rank, name);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (const auto& entry : ranked) names.push_back(entry.second);
  return names;
}

const CostModel& SectionParts::cost_model(const std::string& name) const {
  const auto it = costs_.find(name);
  if (it != costs_.end()) return *it->second;
  const auto unusable = unusable_costs_.find(name);
  if (unusable != unusable_costs_.end()) {
    throw ConfigError("cost model '" + name +
                      "' needs options, in cost_models: " + unusable->second);
  }
  std::string known;
  for (const auto& entry : costs_) known += (known.empty() ? "" : ", ") + entry.first;
  throw ConfigError("cost model '" + name + "' is unknown; there are: " + known);
}

BitPolicy trained_policy(const TensorFile& weights, const std::string& path) {
  const auto stored = weights.metadata.find("deneb.policy");
  if (stored == weights.metadata.end()) return {};
  try {
    const auto policy =
        BitPolicy::from_json(nlohmann::ordered_json::parse(stored->second), "deneb.policy");
    const auto& layers = policy.layers();
    const bool is_float = std::all_of(layers.begin(), layers.end(),
                                      [](const auto& layer) { return layer.second.is_float32(); });
    return is_float ? BitPolicy() : policy;
  } catch (const std::exception& e) {
    throw DataError(path + ": its metadata deneb.policy are damaged (" + e.what() +
                    "); write the file again");
  }
}

std::vector<std::string> load_notes(const LoadReport& report, const std::string& weights) {
  std::vector<std::string> notes;
  const auto add = [&](const std::vector<std::string>& names, const std::string& begin,
                       const std::string& middle, const std::string& end) {
    if (names.empty()) return;
    notes.push_back(weights + ": " + begin + std::to_string(names.size()) + middle + " (" +
                    names.front() + (names.size() > 1 ? ", ..." : "") + ")" + end);
  };
  add(report.unused, "", " tensors of its quantizers",
      " are not used, as the layers have other formats here, or none; its float weights are, which "
      "were trained for its own");
  if (report.quantized) {
    add(report.missing, "has no state for ", " tensors of quantizers",
        "; they start anew from the weights and the data");
  }
  add(report.fresh, "lacks ", " tensors that the option fresh names", "; they have random values");
  return notes;
}

nlohmann::ordered_json network_json(const NetworkInfo& info) {
  auto layers = nlohmann::ordered_json::array();
  for (const LayerInfo& layer : info.layers) {
    layers.push_back({{"name", layer.name},
                      {"op", layer.op},
                      {"block", layer.block},
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
