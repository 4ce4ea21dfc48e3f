#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/load_state.h>
#include <deneb/nn/walk.h>
#include <deneb/options/options.h>
#include <deneb/plugin/registry.h>
#include <deneb/quant/cost_model.h>
#include <deneb/quant/policy.h>
#include <deneb/train/criterion.h>
#include <deneb/train/evaluator.h>
#include <deneb/train/trainer.h>

namespace deneb {

/// Which quantizers policies are realised with. The format alone decides: integers go to `weight`
/// and `activation`, small floats to `float_weight` and `float_activation`.
struct QuantizerOptions {
  PluginSpec weight{"LSQ", nlohmann::json::object()};
  PluginSpec activation{"LSQ", nlohmann::json::object()};
  PluginSpec float_weight{"SmallFloat", nlohmann::json::object()};
  PluginSpec float_activation{"SmallFloat", nlohmann::json::object()};
  int calibration_batches = 8;
  template <class V>
  void visit(V& v) {
    v.plugin("weight", weight, "quantizer", "method for weights in integer formats");
    v.plugin("activation", activation, "quantizer", "method for layer inputs in integer formats");
    v.plugin("float_weight", float_weight, "quantizer", "method for weights in small floats: e2m1");
    v.plugin("float_activation", float_activation, "quantizer",
             "method for layer inputs in small floats");
    v("calibration_batches", calibration_batches,
      "training batches that set the fixed ranges of activations, before anything else; 0 = the "
      "first batch does",
      {0, 1e6});
  }
};

/// A cost model under a name of its own, e.g. `flops` with another batch-norm rule.
struct NamedCostModel {
  std::string name;
  PluginSpec model;
  template <class V>
  void visit(V& v) {
    v("name", name, "name in reports and objectives");
    v.plugin("model", model, "cost_model", "cost model and its options");
  }
};

/// What every step that touches a network has in common: the keys of these options stand directly
/// in the step's section.
struct ModelSection {
  PluginSpec network, dataset;
  PluginSpec evaluator{"Classification", nlohmann::json::object()};
  std::string weights;
  NameRules names;  ///< for `weights`
  QuantizerOptions quantizer;
  DataLoaderOptions data_loader;
  PluginSpec trainer{"Trainer", nlohmann::json::object()};
  PluginSpec criterion{"CrossEntropy", nlohmann::json::object()};
  std::vector<NamedCostModel> cost_models;
  template <class V>
  void visit(V& v) {
    v.plugin("network", network, "network", "network to quantize");
    v.file("weights", weights, "weights",
           "safetensors or PyTorch file, or Hugging Face folder, to start from; empty = random "
           "weights");
    v("rename", names.rename,
      "names in the weights file -> names of the network: a prefix (\"linear.\": \"fc.\"), or a "
      "pattern with * on both sides; the longest that fits counts");
    v("fresh", names.fresh,
      "globs of tensors of the network that may be missing in the weights file or differ in shape "
      "(a new head): they keep their random values");
    v("ignore", names.ignore, "globs of tensors in the weights file that are left out");
    v("quantizer", quantizer, "fake quantization");
    v.plugin("dataset", dataset, "dataset", "data");
    v("data_loader", data_loader, "splits, batches, augmentation");
    v.plugin("trainer", trainer, "trainer", "how networks are trained");
    v.plugin("criterion", criterion, "criterion",
             "loss that training minimizes and evaluators report");
    v.plugin("evaluator", evaluator, "evaluator", "measures");
    v("cost_models", cost_models,
      "cost models with options of their own; all registered ones are there under their names");
  }
};

/// Makes the objects of a ModelSection. Cheap to construct; data are read on first use. Not
/// thread-safe.
class DENEB_API SectionParts {
 public:
  /// Makes the network once to probe it. ConfigError when parts do not fit each other.
  SectionParts(const Registry& registry, ModelSection section, torch::Device device);
  ~SectionParts();

  const ModelSection& section() const { return section_; }
  const NetworkInfo& network_info() const { return info_; }
  torch::Device device() const { return device_; }

  /// A network with weights drawn from `seed`, or with the section's start weights.
  std::shared_ptr<Network> make_network(std::uint64_t seed) const;
  /// The same with other start weights ("" = random). The section's rules for names (`rename`,
  /// `fresh`, `ignore`) are for its own start weights: others are taken by their names.
  std::shared_ptr<Network> make_network(std::uint64_t seed, const std::string& weights) const;
  /// The same with quantizers. Float weights come first, because quantizers initialise from them;
  /// quantizer state in the file then replaces the initial one, as far as the file was trained with
  /// the same formats; what it holds for others counts as unused. `report`, if given, gets what did
  /// not find its counterpart then.
  std::shared_ptr<Network> make_quantized(std::uint64_t seed, const std::string& weights,
                                          const BitPolicy& policy,
                                          LoadReport* report = nullptr) const;
  /// The `quantizer.calibration_batches` training batches that fixed ranges are set by, always the
  /// same. Opens the dataset.
  std::unique_ptr<BatchStream> calibration_data();
  /// Shows calibration batches (always the same ones) to quantizers that need some, in evaluation
  /// mode; all others quantize meanwhile.
  void calibrate(Network& network);
  /// A training of the section: device, criterion, evaluator, and the float network of the start
  /// weights where the trainer wants a teacher. Points into this object.
  FitRequest fit_request(std::uint64_t seed) const;
  /// ConfigError for options of the trainer that ask for what the section does not have.
  /// `policies`: those of the networks that it will train, as far as known.
  void check_trainer(const std::vector<BitPolicy>& policies = {}) const;
  /// DataError when the section's start weights are there and damaged or of another network. Reads
  /// names and shapes only.
  void check_weights() const;
  /// ConfigError when a network made by `spec` would leave weights that do not fit this one under
  /// the section's rules for names. `source` names it in the text.
  void check_weights_of(const PluginSpec& spec, const std::string& source) const;
  /// A new quantizer of the section for a format, not attached yet; nullptr for float32.
  std::shared_ptr<Quantizer> make_quantizer(QuantizerSite::Role role, const Format& format) const;
  /// Puts the section's quantizers in, by policy.
  void apply(Network& network, const BitPolicy& policy) const;

  /// Opens the dataset on first use (DataError). ConfigError when it does not fit the network.
  const DataLoader& data();
  const Dataset& dataset() const { return *dataset_; }
  const Trainer& trainer() const { return *trainer_; }
  const Criterion& criterion() const { return *criterion_; }
  const Evaluator& evaluator() const { return *evaluator_; }
  /// Metrics of the network on a split. Interrupted when a stop was asked for.
  Metrics measure(Network& network, Split split);

  /// Metrics of the evaluator, then all costs.
  std::vector<Objective> measures() const;
  /// ConfigError when a quantizer of the section cannot represent a format of the policy: names the
  /// option, the layer, the method and what it can do.
  void check_formats(const BitPolicy& policy) const;
  std::map<std::string, double> costs(const BitPolicy& policy) const;
  /// All registered cost models that need no options, and those of the section.
  std::vector<std::string> cost_names() const;
  /// Those that tables of models always show, by CostModel::table_rank().
  std::vector<std::string> table_costs() const;
  /// ConfigError lists the known names.
  const CostModel& cost_model(const std::string& name) const;

 private:
  // With quantizers that are attached and have no format, which takes no time.
  std::shared_ptr<Network> make_outline(const BitPolicy& policy) const;
  LoadReport load(Network& network, const TensorFile& file, const std::string& path) const;
  // ConfigError where small floats are asked for and the method for integers takes none of those.
  void refuse_misplaced_method(QuantizerSite::Role role) const;

  const Registry& registry_;
  ModelSection section_;
  torch::Device device_;
  NetworkInfo info_;
  std::shared_ptr<Dataset> dataset_;
  std::unique_ptr<DataLoader> loader_;
  std::shared_ptr<Trainer> trainer_;
  std::shared_ptr<Criterion> criterion_;
  std::shared_ptr<Evaluator> evaluator_;
  std::map<std::string, std::shared_ptr<CostModel>> costs_;
  std::map<std::string, std::string> unusable_costs_;  // name -> why
};

/// The policy that a training step left in the metadata of its weights; empty where there is none,
/// or one of float32 alone.
/// DataError (text begins with `path`) for a damaged one.
DENEB_API BitPolicy trained_policy(const TensorFile& weights, const std::string& path);

/// What to tell users of a load, a sentence for each kind of tensors without counterpart: state of
/// quantizers that is not used; or that is missing although the file was trained with quantizers
/// (without that it starts anew as a matter of course); tensors that the option fresh names.
DENEB_API std::vector<std::string> load_notes(const LoadReport& report, const std::string& weights);

/// Network facts for the store and reports: {"type", "layers": [{name, op, macs, weights, ...}]}.
DENEB_API nlohmann::ordered_json network_json(const NetworkInfo& info);

}  // namespace deneb
