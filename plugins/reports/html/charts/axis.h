#pragma once

#include <string>
#include <utility>
#include <vector>

namespace deneb::reports {

/// A quantity on an axis. Accuracies are turned into percent.
struct Axis {
  std::string metric, label;
  bool percent = false;
  bool minimize = false;
  bool logarithmic = false;  ///< wanted, before cover(); then what it came to
  double low = 0, high = 1;  ///< what the axis covers
  double shown(double value) const { return percent ? 100 * value : value; }
  /// Share of the axis at which a value stands, 0 .. 1, and back.
  double share(double value) const;
  double at_share(double share) const;
  /// Sets low and high to what covers the values with some air (a share of their span) on both
  /// sides. Costs that span a large factor turn logarithmic; an axis that is so turns linear when a
  /// value is not positive, or when all are so close that it would make no difference.
  void cover(const std::vector<double>& values, double air_below, double air_above);
};

/// Round numbers on the axis, about `count` of them, with their texts.
std::vector<std::pair<double, std::string>> ticks(const Axis& axis, int count);

}  // namespace deneb::reports
