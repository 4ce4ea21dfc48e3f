#include "search_figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

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

Figure figure_of(const std::string& name, const std::string& title, const std::string& text,
                 const std::string& y_label, std::vector<FigureSeries> series) {
  Figure figure;
  figure.name = name;
  figure.title = title;
  figure.text = text;
  figure.x_label = "step";
  figure.y_label = y_label;
  figure.series = std::move(series);
  return figure;
}

std::string plural(QuantizerRole role) {
  return role == QuantizerRole::kWeight ? "weights" : "inputs";
}

Figure widths_over_epochs(const SearchSpace& space, const Trace& trace, QuantizerRole role) {
  std::map<int, FigureSeries, std::greater<>> lines;
  for (std::size_t e = 0; e < trace.epochs.size(); ++e) {
    std::map<int, double> sums;
    int count = 0;
    for (std::size_t g = 0; g < space.genes().size(); ++g) {
      const Gene& gene = space.genes()[g];
      if (!decides(gene, role)) continue;
      ++count;
      for (std::size_t i = 0; i < gene.candidates.size(); ++i) {
        sums[gene.candidates[i].bits] += trace.epochs[e].probabilities[g][i];
      }
    }
    for (const auto& [bits, sum] : sums) {
      FigureSeries& line = lines[bits];
      line.label = std::to_string(bits) + " bits";
      line.points.emplace_back(double(e + 1), sum / count);
    }
  }
  std::vector<FigureSeries> series;
  for (auto& entry : lines) series.push_back(std::move(entry.second));
  Figure figure = figure_of("widths_of_" + plural(role), "Widths of " + plural(role),
                            "How probable every width is, on average over all decisions.",
                            "mean probability", std::move(series));
  figure.x_label = "epoch";
  return figure;
}

}  // namespace

std::vector<Figure> search_figures(const SearchSetup& setup, const Trace& trace) {
  std::vector<Figure> figures;
  figures.push_back(
      figure_of("loss", "Loss of the search",
                "Of single batches: of the task, and what the cost adds to it.", "loss",
                {series_of(trace, "task", [](const TracePoint& p) { return p.task_loss; }),
                 series_of(trace, "penalty", [](const TracePoint& p) { return p.penalty; })}));
  std::vector<FigureSeries> costs;
  for (std::size_t i = 0; i < trace.costs.size(); ++i) {
    const double widest = ExpectedCost(setup, trace.costs[i]).largest();
    costs.push_back(
        series_of(trace, trace.costs[i], [&](const TracePoint& p) { return p.costs[i] / widest; }));
  }
  if (!costs.empty()) {
    figures.push_back(figure_of("expected_cost", "Expected cost",
                                "Of the whole network, as a share of its most expensive policy.",
                                "share", std::move(costs)));
  }
  figures.push_back(figure_of(
      "entropy", "Entropy of the decisions",
      "Mean over all decisions: 1 = all widths equally probable, 0 = decided.", "entropy",
      {series_of(trace, "weights", [](const TracePoint& p) { return p.weight_entropy; }),
       series_of(trace, "inputs", [](const TracePoint& p) { return p.activation_entropy; })}));
  figures.push_back(
      figure_of("factor", "Factor of the cost in the loss", "", "factor",
                {series_of(trace, "factor", [](const TracePoint& p) { return p.factor; })}));
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    Figure widths = widths_over_epochs(setup.space(), trace, role);
    if (!widths.series.empty()) figures.push_back(std::move(widths));
  }
  return figures;
}

std::vector<HeatMap> probability_maps(const SearchSpace& space, const Probabilities& p) {
  std::vector<HeatMap> maps;
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    HeatMap map;
    map.name = "probabilities_of_" + plural(role);
    map.title = "Probabilities of " + plural(role);
    map.text = "Of every width (rows) for every layer (columns), at the end of the search.";
    map.x_label = "layer";
    map.y_label = "format";
    map.value_label = "probability";
    map.lower_is_better = false;
    std::map<int, std::vector<double>, std::greater<>> rows;
    const std::vector<LayerGenes> layers = space.layer_genes();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const auto& gene = role == QuantizerRole::kWeight ? layers[l].weight : layers[l].activation;
      map.x_names.push_back(space.network().layers[layers[l].layer].name);
      if (!gene) continue;
      for (std::size_t i = 0; i < p[*gene].size(); ++i) {
        auto& row = rows[space.genes()[*gene].candidates[i].bits];
        row.resize(layers.size(), std::nan(""));
        row[l] = p[*gene][i];
      }
    }
    for (auto& [bits, row] : rows) {
      map.y_names.push_back(std::to_string(bits) + " bits");
      map.values.push_back(std::move(row));
    }
    if (!map.values.empty()) maps.push_back(std::move(map));
  }
  return maps;
}

}  // namespace deneb::edmips
