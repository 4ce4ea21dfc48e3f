#include "search_figures.h"

#include <functional>

namespace deneb::edmips {
namespace {

using Value = std::function<double(const TracePoint&)>;

FigureSeries series_of(const Trace& trace, const std::string& label, const Value& value) {
  FigureSeries series{label, {}};
  for (const TracePoint& point : trace.points) {
    series.points.emplace_back(double(point.step), value(point));
  }
  return series;
}

}  // namespace

std::vector<Figure> search_figures(const SearchSetup& setup, const Trace& trace) {
  std::vector<Figure> figures;
  figures.push_back(searches::step_figure(
      "loss", "Loss of the search", "Of single batches: of the task, and what the cost adds to it.",
      "loss",
      {series_of(trace, "task", [](const TracePoint& p) { return p.task_loss; }),
       series_of(trace, "penalty", [](const TracePoint& p) { return p.penalty; })}));
  std::vector<FigureSeries> costs;
  for (std::size_t i = 0; i < trace.costs.size(); ++i) {
    const double widest = ExpectedCost(setup, trace.costs[i]).largest();
    costs.push_back(
        series_of(trace, trace.costs[i], [&](const TracePoint& p) { return p.costs[i] / widest; }));
  }
  if (!costs.empty()) {
    figures.push_back(
        searches::step_figure("expected_cost", "Expected cost",
                              "Of the whole network, as a share of its most expensive policy.",
                              "share", std::move(costs)));
  }
  figures.push_back(searches::step_figure(
      "entropy", "Entropy of the decisions",
      "Mean over all decisions: 1 = all widths equally probable, 0 = decided.", "entropy",
      {series_of(trace, "weights", [](const TracePoint& p) { return p.weight_entropy; }),
       series_of(trace, "inputs", [](const TracePoint& p) { return p.activation_entropy; })}));
  figures.push_back(searches::step_figure(
      "factor", "Factor of the cost in the loss", "", "factor",
      {series_of(trace, "factor", [](const TracePoint& p) { return p.factor; })}));
  std::vector<Probabilities> epochs;
  for (const EpochState& epoch : trace.epochs) epochs.push_back(epoch.probabilities);
  for (Figure& formats : searches::formats_over_epochs(setup.space(), epochs)) {
    figures.push_back(std::move(formats));
  }
  return figures;
}

}  // namespace deneb::edmips
