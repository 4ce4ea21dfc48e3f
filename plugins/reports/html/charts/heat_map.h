#pragma once

#include <string>

#include "task_data.h"

namespace deneb::reports {

/// Colors of a heat map: classes h0 .. h15 of the style sheet, steps of even lightness.
struct HeatScale {
  static constexpr int kLevels = 16;
  bool empty = true;         ///< nothing was measured
  bool logarithmic = false;  ///< wanted, and all values are positive
  bool lower_is_better = true;
  double low = 0, high = 0;  ///< of the values that were measured

  /// 0 .. kLevels - 1, strong ones for bad values.
  int level(double value) const;
  /// The value halfway between low and high on the scale.
  double middle() const;
};
HeatScale heat_scale(const HeatMap& map);

/// Is it a number, in contrast to "not measured"?
bool is_measured(double value);

/// Cells with their tooltips, unless there are so many that these would make the page large; wide
/// cells show their values.
std::string svg_heat_map(const StepData& step, const HeatMap& map);
constexpr std::size_t kMostHeatTips = 8000;

}  // namespace deneb::reports
