#include "statistics.h"

#include <cmath>
#include <numeric>

namespace deneb::reports {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// P(|T| <= t).
double student_probability(double t, int degrees) {
  const double angle = std::atan(t / std::sqrt(double(degrees)));
  const double cosine = std::cos(angle), square = cosine * cosine;
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
  for (int k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= square * double(k - 1) / double(k);
    sum += term;
  }
  return odd ? 2 / kPi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

std::optional<double> deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / double(values.size() - 1));
}

// The probability grows with t: halving the interval in the logarithm finds it to the last digits.
double student_t(double level, int degrees) {
  double low = 1e-9, high = 1e9;
  for (int i = 0; i < 200; ++i) {
    const double middle = std::sqrt(low) * std::sqrt(high);
    (student_probability(middle, degrees) < level ? low : high) = middle;
  }
  return std::sqrt(low) * std::sqrt(high);
}

PairedDifference paired_difference(const std::vector<double>& a, const std::vector<double>& b,
                                   double level) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  PairedDifference result{mean_of(differences), differences.size(), std::nullopt};
  if (const auto deviation = deviation_of(differences)) {
    const auto count = differences.size();
    const double reach =
        student_t(level, static_cast<int>(count) - 1) * *deviation / std::sqrt(double(count));
    result.interval = {result.mean - reach, result.mean + reach};
  }
  return result;
}

}  // namespace deneb::reports
