#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace deneb::reports {

/// Of one or more values.
double mean_of(const std::vector<double>& values);

/// Sample standard deviation, with n - 1; nothing for fewer than two values.
std::optional<double> deviation_of(const std::vector<double>& values);

/// The t for which a variable of Student's distribution lies in [-t, t] with probability `level`,
/// 0 < level < 1. `degrees` of freedom: 1 or more. Its probability is the finite series of
/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
double student_t(double level, int degrees);

/// Of two samples whose values come in pairs.
struct PairedDifference {
  double mean = 0;  ///< of a - b
  std::size_t pairs = 0;
  /// Confidence interval of the mean by Student's paired t: it supposes that the differences are
  /// normally distributed. Nothing for one pair.
  std::optional<std::pair<double, double>> interval;
};
/// Both of the same length, one or more.
PairedDifference paired_difference(const std::vector<double>& a, const std::vector<double>& b,
                                   double level);

}  // namespace deneb::reports
