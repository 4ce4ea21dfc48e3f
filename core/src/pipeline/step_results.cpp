#include "pipeline/step_results.h"

#include <deneb/pipeline/console_table.h>

#include <algorithm>

#include "io/number_text.h"

namespace deneb::detail {
namespace {

// Weight and activation widths of the searched layers as two digit strings, a layer a digit where
// that is unambiguous: "w 4842 a 8884", "w 4(e2m1)4(16)".
std::string widths_text(const NetworkInfo& network, const BitPolicy& policy) {
  std::string weights, activations;
  for (const LayerInfo& layer : network.layers) {
    if (layer.pinned) continue;
    const LayerChoice* choice = policy.find(layer.name);
    const auto digit = [](const Format& f) {
      if (!f.is_integer() && !f.is_float32()) return "(" + f.text() + ")";
      return f.bits < 10 ? std::to_string(f.bits) : "(" + std::to_string(f.bits) + ")";
    };
    weights += digit(choice ? choice->weight : Format{});
    activations += digit(choice ? choice->activation : Format{});
  }
  return "w " + weights + " a " + activations;
}

}  // namespace

void print_candidates(Console& console, const NetworkInfo& network, const SearchResult& result,
                      const std::vector<std::string>& costs, bool is_front) {
  std::vector<std::string> shown;
  for (const Objective& objective : result.objectives) shown.push_back(objective.name);
  for (const std::string& cost : costs) {
    if (std::find(shown.begin(), shown.end(), cost) == shown.end()) shown.push_back(cost);
  }
  std::vector<std::string> header = {"policy"};
  header.insert(header.end(), shown.begin(), shown.end());
  header.push_back("widths");
  std::vector<std::vector<std::string>> rows;
  for (const Candidate& candidate : result.candidates) {
    std::vector<std::string> row = {candidate.name +
                                    (candidate.mark.empty() ? "" : " (" + candidate.mark + ")")};
    for (const std::string& name : shown) {
      const auto it = candidate.metrics.find(name);
      row.push_back(it == candidate.metrics.end() ? "" : number_text(it->second));
    }
    row.push_back(widths_text(network, candidate.policy));
    rows.push_back(row);
  }
  console.print((is_front ? "Pareto front (" : "Policies found (") + std::to_string(rows.size()) +
                (rows.size() == 1 ? " policy)\n" : " policies)\n") + console_table(header, rows));
}

void print_models(Console& console, const std::vector<ResultRow>& models, const std::string& metric,
                  const std::vector<std::string>& costs) {
  std::vector<std::string> shown = {metric, "validation_" + metric};
  shown.insert(shown.end(), costs.begin(), costs.end());
  std::vector<std::string> header = {"model", "from", "status"};
  header.insert(header.end(), shown.begin(), shown.end());
  std::vector<std::vector<std::string>> rows;
  for (const ResultRow& model : models) {
    std::vector<std::string> row = {std::to_string(model.id), model.origin, model.status};
    for (const std::string& name : shown) {
      const bool has = model.metrics.contains(name) && model.metrics[name].is_number();
      row.push_back(has ? number_text(model.metrics[name].get<double>()) : "");
    }
    rows.push_back(row);
  }
  console.print("Models (" + metric + ": test split)\n" + console_table(header, rows));
}

}  // namespace deneb::detail
