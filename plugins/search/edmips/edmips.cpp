#include <nlohmann/json.hpp>

#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>

#include "assignment_search.h"
#include "expected_cost.h"
#include "search_figures.h"
#include "search_trainer.h"
#include "search_training.h"

namespace {

using namespace deneb::edmips;
using nlohmann::ordered_json;

ordered_json to_json(const deneb::SearchSpace& space, const Trace& trace) {
  auto epochs = ordered_json::array();
  for (const EpochState& epoch : trace.epochs) {
    auto layers = ordered_json::array();
    for (const deneb::LayerGenes& genes : space.layer_genes()) {
      const auto side = [&](const std::optional<std::size_t>& gene) {
        auto words = ordered_json::object();
        if (!gene) return words;
        for (std::size_t i = 0; i < epoch.probabilities[*gene].size(); ++i) {
          words[std::to_string(space.genes()[*gene].candidates[i].bits)] =
              epoch.probabilities[*gene][i];
        }
        return words;
      };
      layers.push_back({{"name", space.network().layers[genes.layer].name},
                        {"weight", side(genes.weight)},
                        {"activation", side(genes.activation)}});
    }
    epochs.push_back({{"epoch", epochs.size() + 1},
                      {"validation", epoch.validation.to_json()},
                      {"layers", layers}});
  }
  return {{"best_epoch", trace.best + 1}, {"epochs", epochs}};
}

class Edmips final : public deneb::SearchAlgorithm {
 public:
  using Options = EdmipsOptions;
  explicit Edmips(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::check_search_trainer(options_.trainer, setup, /*validates=*/true);
    const int narrowest = options_.steps == "lsq" ? 2 : 1;
    for (const deneb::Gene& gene : setup.space().genes()) {
      for (const deneb::Format& format : gene.candidates) {
        const bool one_bit_input = gene.role == deneb::Gene::Role::kActivation && format.bits == 1;
        if (format.is_integer() && format.bits <= 8 &&
            (format.bits >= narrowest || one_bit_input)) {
          continue;
        }
        throw deneb::ConfigError("search_space: EdMIPS with steps \"" + options_.steps +
                                 "\" mixes integers of " + std::to_string(narrowest) +
                                 " to 8 bits, not " + format.text());
      }
    }
    if (options_.target.is_set()) deneb::searches::target_value(setup, options_.target);
    for (const PenaltyTerm& term : options_.penalty) {
      const ExpectedCost cost(setup, term.cost);
      if (cost.unit(options_.norm) > 0) continue;
      throw deneb::ConfigError("search_algorithm.penalty: the cost " + term.cost +
                               " is 0 at one bit, so that it gives no unit; leave it out");
    }
    if (options_.has_limits()) {
      deneb::searches::check_assignment(setup,
                                        deneb::searches::with_target(options_, options_.target));
    }
  }
  std::vector<std::string> gives() const override {
    std::vector<std::string> kinds = {"policies", "layer_scores"};
    if (options_.save_weights) kinds.push_back("weights");
    return kinds;
  }
  // From random weights steps of normally distributed values are right; learned ones have to begin
  // somewhere.
  std::string needs_weights() const override {
    return options_.steps == "lsq" ? "sets its steps (\"lsq\") by the start weights" : "";
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const Trace trace = train_relaxed(context, options_);
    const EpochState& last = trace.epochs.back();
    const EpochState& best = trace.epochs[trace.best];
    const deneb::SearchSpace& space = context.space();
    deneb::write_file_atomically(context.artifact_path("probabilities.json"),
                                 to_json(space, trace).dump(1) + "\n");
    const EpochState& chosen = options_.state == "best" ? best : last;
    const deneb::LayerScores scores =
        deneb::searches::scores_of(space, chosen.probabilities, options_.rounding, "EdMIPS");
    const std::string file = context.artifact_path("layer_scores.json");
    deneb::write_layer_scores(file, scores);

    deneb::SearchResult result;
    if (options_.has_limits()) {
      result = deneb::searches::assign(
          context, scores, deneb::searches::with_target(options_, options_.target), file);
    }
    const bool by_default = options_.argmax == "default" && !options_.has_limits();
    const bool both = options_.argmax == "both";
    if (both || by_default || options_.argmax == "last") {
      add_argmax(context, "argmax_last", last, result);
    }
    if (both || options_.argmax == "best") add_argmax(context, "argmax_best", best, result);
    result.figures = search_figures(context, trace);
    result.heat_maps = deneb::searches::probability_maps(space, last.probabilities);
    result.artifacts = {{"layer_scores", file}};
    if (options_.save_weights) {
      result.artifacts.push_back({"weights", context.artifact_path("weights.safetensors")});
    }
    return result;
  }

 private:
  static void add_argmax(deneb::SearchContext& context, const std::string& name,
                         const EpochState& state, deneb::SearchResult& result) {
    deneb::Candidate candidate;
    candidate.name = name;
    candidate.policy = deneb::searches::most_probable(context.space(), state.probabilities);
    for (const auto& [cost, value] : context.costs(candidate.policy)) {
      candidate.metrics[cost] = value;
    }
    if (!context.within_limits(candidate.policy)) {
      context.log(name +
                  ": the most probable widths break the step's limits; give them as "
                  "`constraints` or `target` of the search, which are kept");
    }
    result.candidates.push_back(std::move(candidate));
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, Edmips>(
      "EdMIPS", "differentiable search by mixtures of widths (Cai and Vasconcelos 2020)");
}

}  // namespace

DENEB_PLUGIN("edmips", "0.1.0", "EdMIPS search", register_all);
