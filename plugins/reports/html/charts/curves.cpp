#include "charts/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "charts/layer_names.h"
#include "charts/svg.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

/// In the order of their ids.
std::vector<const ResultRow*> models_with_curves(const StepData& step) {
  std::vector<const ResultRow*> models;
  for (const ResultRow& trial : step.trials) {
    if (step.epochs.count(trial.id)) models.push_back(&trial);
  }
  if (models.size() <= kMostCurves) return models;
  const auto rank = [&](const ResultRow* trial) {
    if (is_baseline(*trial)) return -std::numeric_limits<double>::infinity();
    if (step.objectives.empty()) return double(trial->id);
    const Objective& first = step.objectives.front();
    const auto value = metric_of(*trial, first.name);
    if (!value) return std::numeric_limits<double>::infinity();
    return first.direction == Direction::kMinimize ? *value : -*value;
  };
  std::stable_sort(models.begin(), models.end(),
                   [&](const ResultRow* a, const ResultRow* b) { return rank(a) < rank(b); });
  models.resize(kMostCurves);
  std::sort(models.begin(), models.end());
  return models;
}

/// Of a place below curves: as of a layer, but a few of them fill a chart too.
double place_width(std::size_t places) {
  return std::max(cell_width(places), 400.0 / double(std::max<std::size_t>(1, places)));
}

/// Tooltip of a point of a curve.
std::string point_tip(const CurveChart& chart, const Curve& curve,
                      const std::pair<double, double>& point) {
  const auto& [x, y] = point;
  const std::string value = ": " + si_text(y);
  if (!chart.places.empty()) {
    return chart.places[static_cast<std::size_t>(x)].name + "\n" +
           (curve.label.empty() ? chart.y.label : curve.label) + value;
  }
  return (curve.label.empty() ? "" : curve.label + "\n") + chart.x.label + " " +
         (chart.whole ? fixed_text(x, 0) : si_text(x)) + value;
}

CurveChart chart_of(const StepData& step, const Figure& figure) {
  CurveChart chart;
  chart.title = figure.title;
  chart.x.label = figure.x_label;
  chart.y.label = figure.y_label;
  chart.y.logarithmic = figure.log_y;
  chart.joined = figure.joined;
  chart.places = named_columns(step, figure.x_names);
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

std::string color_class(std::size_t index) { return "c" + std::to_string(index % 8); }

void draw_curves(Svg& svg, const Frame& frame, const CurveChart& chart) {
  for (std::size_t i = 0; i < chart.curves.size(); ++i) {
    const Curve& curve = chart.curves[i];
    if (chart.joined) {
      std::string data;
      for (const auto& [x, y] : curve.points) {
        data += (data.empty() ? "M" : "L") + coordinate(frame.x(x)) + " " + coordinate(frame.y(y));
      }
      svg.tip(curve.label);
      svg.path("mark curve " + color_class(i) + (curve.baseline ? " dashed" : ""), data);
      // Dots that would touch each other tell less than the line.
      if (15 * double(curve.points.size()) > frame.right - frame.left) continue;
    }
    for (const auto& point : curve.points) {
      svg.tip(point_tip(chart, curve, point));
      svg.circle("mark dot " + color_class(i), frame.x(point.first), frame.y(point.second), 2.6);
    }
  }
}

/// Curves over named places. Keeps its size, as the charts of bits do.
std::string svg_curves_over_places(const CurveChart& chart) {
  constexpr double kTop = 14, kPlot = 300;
  const double cell = place_width(chart.places.size());
  const double left = std::max(78.0, names_lean(chart.places, cell));
  const double right = left + cell * double(chart.places.size());
  const double bottom = kTop + kPlot;
  const double height = bottom + names_height(chart.places) + (chart.x.label.empty() ? 0 : 22);
  Svg svg(right + kRightMargin, height, chart.title, false);
  const Frame frame{left, kTop, right, bottom, {chart.x, left, right}, {chart.y, bottom, kTop}};
  for (std::size_t i = 0; i < chart.places.size(); ++i) {
    svg.line("grid", frame.x(double(i)), kTop, frame.x(double(i)), bottom);
  }
  draw_y_axis(svg, frame);
  draw_layer_names(svg, chart.places, left, cell, bottom);
  svg.text("name", (left + right) / 2, height - 8, "middle", chart.x.label);
  draw_curves(svg, frame, chart);
  return svg.finish();
}

}  // namespace

std::vector<CurveChart> curves_of(const StepData& step) {
  std::vector<std::string> names = {""};  // the training loss
  for (const auto& [id, epochs] : step.epochs) {
    for (const EpochRow& epoch : epochs) {
      if (!epoch.metrics.is_object()) continue;
      for (const auto& item : epoch.metrics.items()) {
        if (std::find(names.begin(), names.end(), item.key()) == names.end()) {
          names.push_back(item.key());
        }
      }
    }
  }
  const std::vector<const ResultRow*> models = models_with_curves(step);
  std::vector<CurveChart> charts;
  for (const std::string& name : names) {
    CurveChart chart;
    chart.x.label = "epoch";
    chart.y.metric = name;
    chart.y.percent = is_fraction(name);
    chart.y.label = name.empty()
                        ? "training loss"
                        : "validation " + metric_label(name) + (chart.y.percent ? " (%)" : "");
    chart.title = chart.y.label + " over the epochs";
    std::vector<double> xs, ys;
    for (const ResultRow* at : models) {
      const ResultRow& trial = *at;
      const auto found = step.epochs.find(trial.id);
      Curve curve;
      curve.label = std::to_string(trial.id) + " (" + trial.origin + ")";
      curve.baseline = is_baseline(trial);
      for (const EpochRow& epoch : found->second) {
        ResultRow values;
        values.metrics = epoch.metrics;
        const auto value =
            name.empty() ? std::optional<double>(epoch.train_loss) : metric_of(values, name);
        if (!value || !std::isfinite(*value)) continue;
        curve.points.emplace_back(double(epoch.epoch), chart.y.shown(*value));
        xs.push_back(curve.points.back().first);
        ys.push_back(curve.points.back().second);
      }
      if (!curve.points.empty()) chart.curves.push_back(std::move(curve));
    }
    if (chart.curves.empty()) continue;
    chart.x.cover(xs, 0.02, 0.02);
    chart.y.cover(ys, 0.06, 0.06);
    charts.push_back(std::move(chart));
  }
  return charts;
}

std::vector<StepFigure> figures_of(const StepData& step) {
  std::vector<StepFigure> figures;
  for (const Figure& figure : step.figures) {
    StepFigure shown{figure.text, chart_of(step, figure)};
    if (!shown.chart.curves.empty()) figures.push_back(std::move(shown));
  }
  return figures;
}

std::string svg_curves(const CurveChart& chart) {
  if (!chart.places.empty()) return svg_curves_over_places(chart);
  const double width = chart.wide ? 760 : 560, height = chart.wide ? 430 : 340;
  Svg svg(width, height, chart.title, true);
  draw_curves(svg, draw_frame(svg, chart.x, chart.y, width, height, chart.whole), chart);
  return svg.finish();
}

}  // namespace deneb::reports
