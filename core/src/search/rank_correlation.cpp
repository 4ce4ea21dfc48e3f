#include <deneb/search/rank_correlation.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace deneb {
namespace {

bool contains_nan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace

std::vector<double> average_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    // Places begin + 1 .. end.
    for (std::size_t k = begin; k < end; ++k) ranks[order[k]] = 0.5 * double(begin + 1 + end);
    begin = end;
  }
  return ranks;
}

std::optional<double> spearman(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    throw RunError("rank correlation of " + std::to_string(a.size()) + " values with " +
                   std::to_string(b.size()) + "; both sides need the same number");
  }
  if (a.size() < 2 || contains_nan(a) || contains_nan(b)) return std::nullopt;
  const std::vector<double> x = average_ranks(a), y = average_ranks(b);
  const double mean = 0.5 * double(a.size() + 1);  // of any ranks, with or without ties
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
    xy += (x[i] - mean) * (y[i] - mean);
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

}  // namespace deneb
