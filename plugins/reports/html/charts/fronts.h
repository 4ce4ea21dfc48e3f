#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "charts/axis.h"

namespace deneb::reports {

/// What one task of a row reaches: dots, and steps through those that no other one beats.
struct FrontLine {
  struct Point {
    double x = 0, y = 0;  ///< in the units of the axes
    std::string tooltip;
  };
  std::size_t series = 0;  ///< of the row: its color and mark
  std::vector<Point> points;
};

/// Fronts over each other.
struct FrontChart {
  std::string title;
  Axis x, y;
  std::vector<FrontLine> lines;
  std::vector<std::pair<std::string, double>> levels;   ///< lines across, at a y: "float32"
  std::vector<std::pair<std::string, double>> budgets;  ///< lines upwards, at an x: "W3A3"

  /// Makes the axes hold all of it.
  void cover();
};
std::string svg_fronts(const FrontChart& chart);

/// A row of the chart of differences.
struct DifferenceMark {
  std::string name, tooltip;
  double mean = 0;
  std::optional<std::pair<double, double>> interval;
};

/// Marks with their intervals, one below the other, and a line at 0. `x`: label and unit; its range
/// follows from the marks.
std::string svg_differences(const std::string& title, Axis x,
                            const std::vector<DifferenceMark>& marks);

/// CSS classes of a series, for charts and legends: eight colors, dashed from the ninth on.
std::string series_class(std::size_t series);

}  // namespace deneb::reports
