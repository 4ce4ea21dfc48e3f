#include "chart_data.h"

#include <algorithm>
#include <cmath>

#include "../common/trial_facts.h"
#include "text.h"

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

std::string tooltip_of(const StepData& step, const TrialRow& trial) {
  std::string text = (step.search ? "trial " : "model ") + std::to_string(trial.id) + " (" +
                     trial.origin + ")" +
                     (trial.step == step.row.name ? "" : " of step " + trial.step);
  if (trial.status != "finished") text += "\n" + trial.status + ": " + trial.message;
  for (const Objective& objective : step.objectives) {
    const auto value = metric_of(trial, objective.name);
    text += "\n" + metric_label(objective.name, !step.search) + ": " +
            (value ? metric_text(objective.name, *value) : "none");
  }
  return text + "\n" + trial.encoding;
}

ScatterPoint::Kind kind_of(const StepData& step, const TrialRow& trial) {
  using Kind = ScatterPoint::Kind;
  if (trial.status != "finished") return Kind::kFailed;
  if (!step.search && is_baseline(trial)) return Kind::kBaseline;
  return trial.front || !step.search ? Kind::kFront : Kind::kTrial;
}

/// Trials that failed before they had a value stand at the lower edge; without a cost either, they
/// are spread over it.
void place_failed(Scatter& chart, const std::vector<std::size_t>& without_x,
                  const std::vector<std::size_t>& without_y) {
  for (const std::size_t i : without_y) {
    chart.points[i].y = chart.y.at_share(0.025);
  }
  for (std::size_t k = 0; k < without_x.size(); ++k) {
    chart.points[without_x[k]].x = chart.x.at_share(double(k + 1) / double(without_x.size() + 1));
  }
}

std::string short_label(const StepData& step, const TrialRow& trial) {
  if (kind_of(step, trial) == ScatterPoint::Kind::kFailed) return "";
  if (kind_of(step, trial) == ScatterPoint::Kind::kBaseline) return trial.origin;
  return trial.front || !step.search ? std::to_string(trial.id) : "";
}

/// Removes labels that would lie on earlier ones, on a plot of usual size.
void declutter(Scatter& chart) {
  constexpr double kWidth = 760, kHeight = 350, kLine = 13, kLetter = 7;
  struct Box {
    double x, y, width;
  };
  std::vector<Box> taken;
  for (ScatterPoint& point : chart.points) {
    if (point.label.empty()) continue;
    const Box box{kWidth * chart.x.share(point.x), kHeight * chart.y.share(point.y),
                  kLetter * double(point.label.size())};
    const bool covers = std::any_of(taken.begin(), taken.end(), [&](const Box& other) {
      return std::fabs(other.y - box.y) < kLine && box.x < other.x + other.width &&
             other.x < box.x + box.width;
    });
    if (covers) {
      point.label.clear();
    } else {
      taken.push_back(box);
    }
  }
}

Scatter scatter_of(const StepData& step, Axis x, Axis y, bool against_id) {
  Scatter chart;
  chart.x = std::move(x);
  chart.y = std::move(y);
  chart.title = chart.y.label + " against " + chart.x.label;
  std::vector<double> xs, ys;
  std::vector<std::size_t> without_x, without_y;
  std::vector<const TrialRow*> shown;
  for (const TrialRow& trial : step.trials) shown.push_back(&trial);
  for (const TrialRow& trial : step.baselines) shown.push_back(&trial);
  for (const TrialRow* at : shown) {
    const TrialRow& trial = *at;
    if (trial.status == "running") continue;
    ScatterPoint point;
    point.kind = kind_of(step, trial);
    point.row = trial.step + "-" + std::to_string(trial.id);
    point.label = short_label(step, trial);
    point.tooltip = tooltip_of(step, trial);
    const auto px = against_id ? double(trial.id) : metric_of(trial, chart.x.metric);
    const auto py = metric_of(trial, chart.y.metric);
    // The cost of a failed trial is known, but its other values, if any, are not to be trusted.
    const bool failed = point.kind == ScatterPoint::Kind::kFailed;
    if ((!px || !py) && !failed) continue;
    if (px) xs.push_back(point.x = chart.x.shown(*px));
    if (py && !failed) ys.push_back(point.y = chart.y.shown(*py));
    if (!px) without_x.push_back(chart.points.size());
    if (!py || failed) without_y.push_back(chart.points.size());
    chart.points.push_back(point);
  }
  chart.x.cover(xs, 0.04, 0.04);
  chart.y.cover(ys, without_y.empty() ? 0.06 : 0.14, 0.08);
  place_failed(chart, without_x, without_y);
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

void add_front_line(Scatter& chart) {
  for (const ScatterPoint& point : chart.points) {
    if (point.kind == ScatterPoint::Kind::kFront) chart.front.emplace_back(point.x, point.y);
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
  if (count == 2 && step.search) add_front_line(charts[0]);
  return charts;
}

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
    for (const TrialRow& trial : step.trials) {
      const auto found = step.epochs.find(trial.id);
      if (found == step.epochs.end()) continue;
      Curve curve;
      curve.label = std::to_string(trial.id) + " (" + trial.origin + ")";
      curve.baseline = is_baseline(trial);
      for (const EpochRow& epoch : found->second) {
        TrialRow values;
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

BitChart bits_of_front(const StepData& step) {
  BitChart chart;
  chart.layers = step.layers;
  chart.title = "bits of weights and activations, layer by layer";
  for (const TrialRow* trial : step.front) {
    BitRow row;
    row.id = trial->id;
    row.label = std::to_string(trial->id);
    for (const Objective& objective : step.objectives) {
      const auto value = metric_of(*trial, objective.name);
      if (value) row.label += " \xc2\xb7 " + metric_text(objective.name, *value);
    }
    row.tooltip = tooltip_of(step, *trial);
    row.layers = step.bits(*trial);
    chart.rows.push_back(std::move(row));
  }
  return chart;
}

BitChart single_row(const BitChart& chart, std::size_t row) {
  BitChart single;
  single.layers = chart.layers;
  single.rows = {chart.rows[row]};
  single.title = "bits of trial " + chart.rows[row].label + ", layer by layer";
  return single;
}

double label_width(const BitChart& chart) {
  std::size_t longest = 0;
  for (const BitRow& row : chart.rows) longest = std::max(longest, row.label.size());
  return 20 + 6.6 * double(longest);
}

double cell_width(std::size_t layers) {
  return std::clamp(860.0 / double(std::max<std::size_t>(1, layers)), 20.0, 46.0);
}

double place_width(std::size_t places) {
  return std::max(cell_width(places), 400.0 / double(std::max<std::size_t>(1, places)));
}

std::string width_class(int bits) {
  if (bits <= 0) return "0";
  if (bits <= 8) return std::to_string(bits);
  return bits <= 16 ? "16" : "32";
}

std::string width_text(const std::string& word, int bits) {
  if (bits == 0) return "?";
  if (bits == 32) return "f";
  return word.rfind('e', 0) == 0 ? word : std::to_string(bits);
}

}  // namespace deneb::reports
