#include <nlohmann/json.hpp>

#include <algorithm>

#include <deneb/data/data_loader.h>
#include <deneb/io/files.h>
#include <deneb/io/safetensors.h>
#include <deneb/plugin/plugin.h>
#include <deneb/train/batch_norms.h>
#include <deneb/train/criterion.h>
#include <deneb/train/evaluator.h>

#include "assignment_search.h"
#include "expected_cost.h"
#include "policy_search.h"
#include "search_figures.h"
#include "search_trainer.h"

namespace {

using namespace deneb::fliqs;
using nlohmann::ordered_json;

ordered_json to_json(const deneb::SearchSpace& space, const Trace& trace) {
  auto epochs = ordered_json::array();
  for (const auto& probabilities : trace.epochs) {
    auto layers = ordered_json::array();
    for (const deneb::LayerGenes& genes : space.layer_genes()) {
      const auto side = [&](const std::optional<std::size_t>& gene) {
        auto words = ordered_json::object();
        if (!gene) return words;
        for (std::size_t i = 0; i < probabilities[*gene].size(); ++i) {
          words[space.genes()[*gene].candidates[i].text()] = probabilities[*gene][i];
        }
        return words;
      };
      layers.push_back({{"name", space.network().layers[genes.layer].name},
                        {"weight", side(genes.weight)},
                        {"activation", side(genes.activation)}});
    }
    epochs.push_back({{"epoch", epochs.size() + 1}, {"layers", layers}});
  }
  return {{"epochs", epochs}};
}

class Fliqs final : public deneb::SearchAlgorithm {
 public:
  using Options = FliqsOptions;
  explicit Fliqs(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::check_search_trainer(options_.trainer, setup, /*validates=*/false);
    deneb::searches::target_value(setup, options_.target);
    deneb::searches::check_assignment(setup,
                                      deneb::searches::with_target(options_, options_.target));
    if (!options_.reward.is_loss()) {
      const auto first = setup.measures().front();
      if (first.direction != deneb::Direction::kMaximize) {
        throw deneb::ConfigError(
            "search_algorithm.reward.quality: the evaluator's first metric is " + first.name +
            ", where less is better; take train_loss or valid_loss");
      }
    }
  }
  std::vector<std::string> gives() const override {
    return {"policies", "layer_scores", "weights"};
  }
  std::string needs_weights() const override {
    return "judges formats by how the start weights bear them";
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const deneb::SearchSpace& space = context.space();
    SampledNetwork network(context);
    const Trace trace = search_policy(context, options_, network);
    const auto& probabilities = trace.epochs.back();
    deneb::write_file_atomically(context.artifact_path("probabilities.json"),
                                 to_json(space, trace).dump(1) + "\n");
    const deneb::LayerScores scores =
        deneb::searches::scores_of(space, probabilities, options_.rounding, "FLIQS");
    const std::string file = context.artifact_path("layer_scores.json");
    deneb::write_layer_scores(file, scores);
    deneb::SearchResult result = deneb::searches::assign(
        context, scores, deneb::searches::with_target(options_, options_.target), file);
    if (options_.argmax) add_most_probable(context, probabilities, result);
    finish(context, network, result);
    result.figures = search_figures(space, trace);
    result.heat_maps = deneb::searches::probability_maps(space, probabilities);
    result.artifacts = {{"layer_scores", file}};
    if (!result.candidates.empty()) {
      result.artifacts.push_back({"weights", result.candidates.front().weights});
    }
    return result;
  }

 private:
  // Unless it is one of those within limits, which is then the better name for it.
  void add_most_probable(deneb::SearchContext& context,
                         const deneb::searches::Probabilities& probabilities,
                         deneb::SearchResult& result) const {
    deneb::Candidate argmax;
    argmax.name = "argmax";
    argmax.policy = deneb::searches::most_probable(context.space(), probabilities);
    const auto same = std::find_if(
        result.candidates.begin(), result.candidates.end(),
        [&](const deneb::Candidate& c) { return c.policy.text() == argmax.policy.text(); });
    if (same != result.candidates.end()) {
      context.log("the most probable policy is within the limits: it is " + same->name);
      return;
    }
    for (const auto& [cost, value] : context.costs(argmax.policy)) argmax.metrics[cost] = value;
    result.candidates.push_back(std::move(argmax));
  }

  // Every policy gets the shared weights with batch norms of its own, and is validated with them.
  void finish(deneb::SearchContext& context, SampledNetwork& network,
              deneb::SearchResult& result) const {
    const bool validated = context.data().batches(deneb::Split::kValidation) > 0;
    for (deneb::Candidate& candidate : result.candidates) {
      network.set(context.space().encode(candidate.policy));
      if (options_.batch_norm_recalibration > 0) {
        deneb::recalibrate_batch_norms(network.network(), context.data(),
                                       options_.batch_norm_recalibration,
                                       context.seed("batch_norms"), context.device());
      }
      if (validated) {
        const auto stream = context.data().evaluate(deneb::Split::kValidation);
        const deneb::Metrics metrics = context.evaluator().evaluate(
            network.network(), *stream, context.criterion(), context.device());
        for (const deneb::Metric& m : metrics.all()) candidate.metrics[m.name] = m.value;
      }
      deneb::TensorFile file;
      for (const auto& [name, tensor] : network.state()) file.tensors.emplace_back(name, tensor);
      file.metadata["deneb.policy"] = candidate.policy.to_json().dump();
      candidate.weights = context.artifact_path("weights_" + candidate.name + ".safetensors");
      deneb::write_safetensors(candidate.weights, file);
    }
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Fliqs>(
      "FLIQS", "one-shot reinforcement search over integers and small floats (Dotzel et al. 2024)");
}

}  // namespace

DENEB_PLUGIN("fliqs", "0.1.0", "FLIQS search", register_all);
