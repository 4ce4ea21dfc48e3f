#include <filesystem>
#include <nlohmann/json.hpp>

#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>
#include <deneb/quant/policy_file.h>

#include "assignment_search.h"
#include "bit_search.h"

namespace {

using deneb::LayerScores;
using deneb::emq::BitSearchLimits;
using deneb::emq::BitSearchOptions;
using deneb::emq::BitSearchProblem;
using deneb::emq::BitSearchResult;
using nlohmann::ordered_json;

class ProxyBitSearch final : public deneb::SearchAlgorithm {
 public:
  using Options = BitSearchOptions;
  explicit ProxyBitSearch(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    for (const BitSearchLimits& set : options_.constraints) {
      for (const deneb::CostLimit& limit : set.costs) setup.cost_model(limit.cost);
    }
    root_in(setup);
    if (!std::filesystem::exists(options_.scores)) return;
    const LayerScores scores = deneb::read_layer_scores(options_.scores);
    BitSearchProblem(setup, scores, options_.scores, options_.constraints.front(), options_.fill);
  }
  std::vector<std::string> takes() const override {
    if (!options_.scores.empty()) return {};
    return {"layer_scores"};
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    const auto [file, scores] = deneb::searches::scores_in(context, options_.scores);
    const auto root = root_in(context);
    deneb::SearchResult result;
    result.objectives = {{"score", deneb::Direction::kMinimize}};
    deneb::Figure figure;
    figure.name = "best_scores";
    figure.title = "Best score so far";
    figure.text = "Sum of the layer scores of the best policy within the limits; less is better.";
    figure.x_label = "policies drawn";
    figure.y_label = "score";
    auto solutions = ordered_json::array();
    for (const BitSearchLimits& set : options_.constraints) {
      const BitSearchProblem problem(context, scores, file, set, options_.fill);
      const BitSearchResult found =
          search_bits(problem, options_, root, context.rng("set " + set.name));
      solutions.push_back(to_json(set, found));
      figure.series.push_back({set.name, found.history});
      context.progress(std::int64_t(solutions.size()), std::int64_t(options_.constraints.size()),
                       set.name);
      if (!found.genome) {
        result.failure += (result.failure.empty() ? "" : "; ") + set.name + ": " + found.reason;
        continue;
      }
      deneb::Candidate candidate;
      candidate.name = set.name;
      candidate.policy = context.space().decode(*found.genome);
      candidate.metrics = context.costs(candidate.policy);
      candidate.metrics["score"] = found.score;
      result.candidates.push_back(std::move(candidate));
    }
    deneb::write_file_atomically(context.artifact_path("solutions.json"), solutions.dump(1) + "\n");
    result.figures = {std::move(figure)};
    return result;
  }

 private:
  std::optional<std::vector<int>> root_in(const deneb::SearchSetup& setup) const {
    if (options_.root.empty()) return std::nullopt;
    return setup.space().encode(deneb::read_policy_file(options_.root).policy);
  }

  static ordered_json to_json(const BitSearchLimits& set, const BitSearchResult& found) {
    ordered_json costs = ordered_json::object();
    for (std::size_t i = 0; i < found.costs.size(); ++i) costs[set.costs[i].cost] = found.costs[i];
    return {{"name", set.name},
            {"status", found.genome ? "found" : "none"},
            {"score", found.genome ? ordered_json(found.score) : ordered_json()},
            {"costs", costs},
            {"drawn", found.drawn},
            {"different", found.different},
            {"reason", found.reason}};
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, ProxyBitSearch>(
      "ProxyBitSearch", "policies by layer scores as EMQ and OMPQ search them, for comparison");
}

}  // namespace

DENEB_PLUGIN("proxy_bit_search", "0.1.0",
             "mutation, evolution, random and linear programs on scores", register_all);
