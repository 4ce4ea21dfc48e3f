#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include <deneb/plugin/plugin.h>

#include "assignment_search.h"
#include "indicator_training.h"
#include "search_trainer.h"

namespace {

using namespace deneb::limpq;

constexpr const char* kScores = "layer_scores";

// All widths that indicators are needed for, descending.
std::vector<int> widths_of(const LimpqOptions& options, const deneb::SearchSpace& space) {
  std::set<int, std::greater<>> widths(options.bits.begin(), options.bits.end());
  bool all = options.sweep.is_set() && options.bits.empty();
  for (const auto& set : options.constraints) {
    widths.insert(set.bits.begin(), set.bits.end());
    all = all || (set.bits.empty() && options.bits.empty());
  }
  if (all) {
    for (const deneb::Gene& gene : space.genes()) {
      for (const deneb::Format& format : gene.candidates) widths.insert(format.bits);
    }
  }
  return {widths.begin(), widths.end()};
}

class Limpq final : public deneb::SearchAlgorithm {
 public:
  using Options = LimpqOptions;
  explicit Limpq(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::check_search_trainer(options_.training.trainer, setup, /*validates=*/false,
                                          "search_algorithm.training.trainer");
    for (const deneb::Gene& gene : setup.space().genes()) {
      for (const deneb::Format& format : gene.candidates) {
        if (format.is_integer() && format.bits > 1) continue;
        throw deneb::ConfigError(
            "search_space: LIMPQ knows integer widths from 2 to 16 only, not " + format.text());
      }
    }
    if (std::filesystem::exists(options_.indicators)) {
      deneb::searches::check_assignment(setup, deneb::read_layer_scores(options_.indicators),
                                        options_, options_.indicators);
    } else {
      deneb::searches::check_assignment(setup, options_);
    }
  }
  std::vector<std::string> gives() const override { return {"policies", kScores}; }
  std::string needs_weights() const override {
    return options_.indicators.empty() ? "learns the indicators from the start weights" : "";
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const std::string file = context.artifact_path("layer_scores.json");
    const bool learns = options_.indicators.empty();
    LearnedSteps steps;
    deneb::LayerScores scores;
    if (learns) {
      steps = train_steps(context, options_.training, widths_of(options_, context.space()));
      deneb::write_layer_scores(context.artifact_path("initial_steps.json"), steps.initial);
      deneb::write_layer_scores(context.artifact_path("learned_steps.json"), steps.learned);
      scores = indicators_of(steps, options_.training.indicator);
    } else {
      scores = deneb::read_layer_scores(options_.indicators);
    }
    deneb::write_layer_scores(file, scores);
    deneb::SearchResult result =
        deneb::searches::assign(context, scores, options_, learns ? file : options_.indicators);
    if (learns) {
      for (deneb::Figure& figure : drift_figures(steps))
        result.figures.push_back(std::move(figure));
    }
    result.artifacts = {{kScores, file}};
    return result;
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Limpq>(
      "LIMPQ", "learned layer importance and an exact integer program (Tang et al. 2022)");
}

}  // namespace

DENEB_PLUGIN("limpq", "0.1.0", "LIMPQ search", register_all);
