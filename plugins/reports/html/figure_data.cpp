#include <algorithm>
#include <cmath>

#include "chart_data.h"

namespace deneb::reports {
namespace {

/// Names of the figure as layers of the step, where they are such: pinned ones get their mark.
std::vector<LayerFacts> places_of(const StepData& step, const Figure& figure) {
  std::vector<LayerFacts> places;
  for (const std::string& name : figure.x_names) {
    LayerFacts place;
    place.name = name;
    for (const LayerFacts& layer : step.layers) {
      if (layer.name == name) place = layer;
    }
    places.push_back(place);
  }
  return places;
}

CurveChart chart_of(const StepData& step, const Figure& figure) {
  CurveChart chart;
  chart.title = figure.title;
  chart.x.label = figure.x_label;
  chart.y.label = figure.y_label;
  chart.y.logarithmic = figure.log_y;
  chart.places = places_of(step, figure);
  chart.wide = true;
  std::vector<double> xs, ys;
  for (const FigureSeries& series : figure.series) {
    if (series.points.empty()) continue;
    Curve curve;
    curve.label = series.label;
    curve.points = series.points;
    std::stable_sort(curve.points.begin(), curve.points.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [x, y] : curve.points) {
      xs.push_back(x);
      ys.push_back(y);
      chart.whole = chart.whole && x == std::floor(x) && std::fabs(x) < 10000;
    }
    chart.curves.push_back(std::move(curve));
  }
  chart.y.cover(ys, 0.06, 0.06);
  if (chart.places.empty()) {
    chart.x.cover(xs, 0.02, 0.02);
  } else {  // every place has a column of the same width
    chart.x.low = -0.5;
    chart.x.high = double(chart.places.size()) - 0.5;
  }
  return chart;
}

}  // namespace

std::vector<StepFigure> figures_of(const StepData& step) {
  std::vector<StepFigure> figures;
  for (const Figure& figure : step.figures) {
    StepFigure shown{figure.text, chart_of(step, figure)};
    if (!shown.chart.curves.empty()) figures.push_back(std::move(shown));
  }
  return figures;
}

}  // namespace deneb::reports
