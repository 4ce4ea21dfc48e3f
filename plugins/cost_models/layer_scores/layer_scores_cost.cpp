#include <filesystem>
#include <map>

#include <deneb/plugin/plugin.h>
#include <deneb/quant/cost_model.h>
#include <deneb/search/layer_scores.h>

namespace {

using deneb::Format;
using deneb::LayerChoice;
using deneb::LayerInfo;
using deneb::LayerScore;
using deneb::QuantizerRole;

struct LayerScoresCostOptions {
  std::string scores;
  double alpha = 1.0;
  template <class V>
  void visit(V& v) {
    v.file("scores", scores, "layer_scores", "file of layer scores");
    v("alpha", alpha, "weight of the weights' scores against the activations'", {0, 1e6});
  }
  void check(deneb::OptionErrors& errors) const {
    if (scores.empty()) {
      errors.add("scores", "is empty; name a file of layer scores, or step:layer_scores");
    }
  }
};

// The sum that ExactAssignment minimizes, as a cost of any policy. What is float, and layers that
// the file does not have, add nothing.
class LayerScoresCost final : public deneb::CostModel {
 public:
  using Options = LayerScoresCostOptions;
  // The file of an earlier step is not there when the pipeline is checked.
  explicit LayerScoresCost(const Options& options) : options_(options) {
    if (!std::filesystem::exists(options_.scores)) return;
    for (LayerScore& layer : deneb::read_layer_scores(options_.scores).layers) {
      const std::string name = layer.name;
      layers_.emplace(name, std::move(layer));
    }
  }

  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    if (layers_.empty()) {
      throw deneb::DataError("cost model layer_scores: " + options_.scores +
                             " does not exist; make it first or name another file");
    }
    const auto known = layers_.find(info.name);
    if (known == layers_.end()) return 0;
    return of(known->second, QuantizerRole::kActivation, choice.activation) +
           options_.alpha * of(known->second, QuantizerRole::kWeight, choice.weight);
  }
  std::string unit() const override { return "sum of layer scores"; }

 private:
  double of(const LayerScore& layer, QuantizerRole role, const Format& format) const {
    const auto score = deneb::find_score(layer.of(role), format);
    if (score) return *score;
    throw deneb::ConfigError("cost model layer_scores: " + options_.scores + " has no score of " +
                             layer.name + " for " + format.text());
  }

  Options options_;
  std::map<std::string, LayerScore> layers_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::CostModel, LayerScoresCost>(
      "layer_scores", "sum of the layer scores of a file, to compare or limit policies by");
}

}  // namespace

DENEB_PLUGIN("layer_scores", "0.1.0", "layer scores as a cost", register_all);
