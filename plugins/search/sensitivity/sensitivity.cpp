#include <deneb/plugin/plugin.h>

#include "layer_probing.h"
#include "score_figures.h"

namespace {

class Sensitivity final : public deneb::SearchAlgorithm {
 public:
  using Options = deneb::sensitivity::SensitivityOptions;
  explicit Sensitivity(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    if (options_.measure == "kl") return;
    deneb::find_measure(setup.measures(), options_.measure, "search_algorithm.measure");
  }
  std::vector<std::string> gives() const override { return {"layer_scores"}; }
  std::string needs_weights() const override {
    return "measures what quantization does to the start weights";
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const deneb::LayerScores scores = deneb::sensitivity::probe_layers(context, options_);
    const std::string file = context.artifact_path("layer_scores.json");
    deneb::write_layer_scores(file, scores);
    deneb::SearchResult result;
    result.figures = deneb::searches::score_figures(scores);
    result.heat_maps = deneb::searches::score_heat_maps(scores);
    result.artifacts = {{"layer_scores", file}};
    return result;
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Sensitivity>(
      "Sensitivity", "damage of every layer in every format alone, as layer scores");
}

}  // namespace

DENEB_PLUGIN("sensitivity", "0.1.0", "measured sensitivity of layers", register_all);
