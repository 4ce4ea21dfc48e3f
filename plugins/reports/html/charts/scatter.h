#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "charts/axis.h"
#include "task_data.h"

namespace deneb::reports {

struct ScatterPoint {
  enum class Kind { kTrial, kFront, kBaseline, kFailed };
  Kind kind = Kind::kTrial;
  std::string row;      ///< id of its row in a table of the page; "" = it has none
  double x = 0, y = 0;  ///< in the units of the axes
  std::string label;    ///< beside the mark; "" = none, also where it would cover another one
  std::string tooltip;
};

struct Scatter {
  std::string title;  ///< says what is seen, for people who cannot see it
  Axis x, y;
  std::vector<ScatterPoint> points;  ///< front members last: they are drawn above the others
  std::size_t total = 0;             ///< points before those were left out that others cover
  /// The steps that bound what the front reaches; empty unless there are two objectives.
  std::vector<std::pair<double, double>> front;
};

/// Marks of a chart; where there are more, some are left out that others cover (charts/thin.h).
constexpr std::size_t kScatterMarks = 1500;
/// Members of a front that are all drawn in any case; a larger one is thinned like the others.
constexpr std::size_t kScatterFront = 1000;

/// One chart per pair of objectives; trials against the only objective if there is one.
std::vector<Scatter> scatters_of(const StepData& step);

std::string svg_scatter(const Scatter& chart);

}  // namespace deneb::reports
