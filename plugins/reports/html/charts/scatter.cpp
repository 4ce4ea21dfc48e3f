#include "charts/scatter.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "charts/thin.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

Axis axis_of(const StepData& step, const Objective& objective) {
  Axis axis;
  axis.metric = objective.name;
  axis.percent = is_fraction(objective.name);
  axis.minimize = objective.direction == Direction::kMinimize;
  axis.label = metric_label(objective.name, !step.search) + (axis.percent ? " (%)" : "");
  return axis;
}

ScatterPoint::Kind kind_of(const StepData& step, const ResultRow& trial) {
  using Kind = ScatterPoint::Kind;
  if (trial.status != "finished") return Kind::kFailed;
  if (!step.search && is_baseline(trial)) return Kind::kBaseline;
  return trial.front || !step.search ? Kind::kFront : Kind::kTrial;
}

// Where points come to lie, nearly: the size of the plot.
constexpr double kPlotWidth = 660, kPlotHeight = 358;

/// A trial on its way to become a point.
struct Place {
  const ResultRow* trial;
  ScatterPoint::Kind kind;
  double x = 0, y = 0;
};

/// Trials that failed before they had a value stand at the lower edge; without a cost either, they
/// are spread over it.
void place_failed(const Scatter& chart, const std::vector<std::size_t>& without_x,
                  const std::vector<std::size_t>& without_y, std::vector<Place>& places) {
  for (const std::size_t i : without_y) {
    places[i].y = chart.y.at_share(0.025);
  }
  for (std::size_t k = 0; k < without_x.size(); ++k) {
    places[without_x[k]].x = chart.x.at_share(double(k + 1) / double(without_x.size() + 1));
  }
}

std::string short_label(const StepData& step, const Place& place) {
  if (place.kind == ScatterPoint::Kind::kFailed) return "";
  if (place.kind == ScatterPoint::Kind::kBaseline) return place.trial->origin;
  return place.trial->front || !step.search ? std::to_string(place.trial->id) : "";
}

/// Removes labels that would lie on earlier ones, on a plot of usual size.
void declutter(Scatter& chart) {
  constexpr double kLine = 13, kLetter = 7;
  constexpr std::ptrdiff_t kMany = 60;  // from here on only some labels, with air around them
  const bool many = kMany <= std::count_if(chart.points.begin(), chart.points.end(),
                                           [](const auto& point) { return !point.label.empty(); });
  const double above = many ? 3 * kLine : kLine, beside = many ? 40 : 0;
  struct Box {
    double x, y, width;
  };
  std::vector<Box> taken;
  for (ScatterPoint& point : chart.points) {
    if (point.label.empty()) continue;
    const Box box{kPlotWidth * chart.x.share(point.x), kPlotHeight * chart.y.share(point.y),
                  kLetter * double(point.label.size())};
    const bool covers = std::any_of(taken.begin(), taken.end(), [&](const Box& other) {
      return std::fabs(other.y - box.y) < above && box.x < other.x + other.width + beside &&
             other.x < box.x + box.width + beside;
    });
    if (covers) {
      point.label.clear();
    } else {
      taken.push_back(box);
    }
  }
}

/// All points of the chart, and the axes that they need.
std::vector<Place> places_of(const StepData& step, bool against_id, Scatter& chart) {
  std::vector<Place> places;
  std::vector<double> xs, ys;
  std::vector<std::size_t> without_x, without_y;
  const auto add = [&](const ResultRow& trial) {
    if (trial.status == "running") return;
    Place place{&trial, kind_of(step, trial)};
    const auto px = against_id ? double(trial.id) : metric_of(trial, chart.x.metric);
    const auto py = metric_of(trial, chart.y.metric);
    // The cost of a failed trial is known, but its other values, if any, are not to be trusted.
    const bool failed = place.kind == ScatterPoint::Kind::kFailed;
    if ((!px || !py) && !failed) return;
    if (px) xs.push_back(place.x = chart.x.shown(*px));
    if (py && !failed) ys.push_back(place.y = chart.y.shown(*py));
    if (!px) without_x.push_back(places.size());
    if (!py || failed) without_y.push_back(places.size());
    places.push_back(place);
  };
  for (const ResultRow& trial : step.trials) add(trial);
  for (const ResultRow& trial : step.baselines) add(trial);
  chart.x.cover(xs, 0.04, 0.04);
  chart.y.cover(ys, without_y.empty() ? 0.06 : 0.14, 0.08);
  place_failed(chart, without_x, without_y, places);
  return places;
}

std::vector<std::size_t> drawn_of(const StepData& step, const Scatter& chart,
                                  const std::vector<Place>& places) {
  const bool keep_front = step.front.size() <= kScatterFront;
  std::vector<PlotMark> marks;
  for (const Place& place : places) {
    const bool special =
        place.kind == ScatterPoint::Kind::kBaseline || (place.trial->front && keep_front);
    marks.push_back({kPlotWidth * chart.x.share(place.x), kPlotHeight * chart.y.share(place.y),
                     static_cast<int>(place.kind), special});
  }
  return thin(marks, kScatterMarks);
}

Scatter scatter_of(const StepData& step, Axis x, Axis y, bool against_id) {
  Scatter chart;
  chart.x = std::move(x);
  chart.y = std::move(y);
  chart.title = chart.y.label + " against " + chart.x.label;
  const std::vector<Place> places = places_of(step, against_id, chart);
  chart.total = places.size();
  std::set<const ResultRow*> rows;
  for (const std::size_t i : step.shown) rows.insert(&step.trials[i]);
  for (const ResultRow& trial : step.baselines) rows.insert(&trial);
  for (const std::size_t i : drawn_of(step, chart, places)) {
    const Place& place = places[i];
    ScatterPoint point;
    point.kind = place.kind;
    point.x = place.x;
    point.y = place.y;
    if (rows.count(place.trial)) {
      point.row = place.trial->step + "-" + std::to_string(place.trial->id);
    }
    point.label = short_label(step, place);
    point.tooltip = trial_text(step, *place.trial);
    chart.points.push_back(std::move(point));
  }
  std::stable_sort(chart.points.begin(), chart.points.end(),
                   [](const ScatterPoint& a, const ScatterPoint& b) {
                     const auto rank = [](const ScatterPoint& p) {
                       return p.kind == ScatterPoint::Kind::kFront ? 1 : 0;
                     };
                     return rank(a) < rank(b);
                   });
  declutter(chart);
  return chart;
}

/// The whole front, also where its marks are thinned.
void add_front_line(const StepData& step, Scatter& chart) {
  for (const ResultRow* trial : step.front) {
    const auto x = metric_of(*trial, chart.x.metric), y = metric_of(*trial, chart.y.metric);
    if (x && y) chart.front.emplace_back(chart.x.shown(*x), chart.y.shown(*y));
  }
  std::sort(chart.front.begin(), chart.front.end());
}

}  // namespace

std::vector<Scatter> scatters_of(const StepData& step) {
  std::vector<Scatter> charts;
  if (step.trials.empty() || step.objectives.empty()) return charts;
  const std::size_t count = step.objectives.size();
  if (count == 1) {
    Axis id;
    id.label = step.search ? "trial" : "model";
    charts.push_back(scatter_of(step, id, axis_of(step, step.objectives[0]), true));
  }
  for (std::size_t y = 0; y < count; ++y) {
    for (std::size_t x = y + 1; x < count; ++x) {
      charts.push_back(scatter_of(step, axis_of(step, step.objectives[x]),
                                  axis_of(step, step.objectives[y]), false));
    }
  }
  if (count == 2 && step.pareto) add_front_line(step, charts[0]);
  return charts;
}

}  // namespace deneb::reports
