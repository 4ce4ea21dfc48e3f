#include "range.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace deneb::quantizers {
namespace {

using torch::Tensor;

Bounds smallest_and_largest(const Sample& sample) {
  if (sample.values.size(0) == 1) {  // this reduction is the one that runs on all threads
    const auto [low, high] = at::aminmax(sample.values);
    return {low.view({1}), high.view({1})};
  }
  const auto [low, high] = at::aminmax(sample.values, 1);
  return {low, high};
}

// Quantile of every row; `counts`, if defined, weigh the values.
Tensor quantile(const Sample& sample, double q) {
  Tensor sorted, order;
  std::tie(sorted, order) = sample.values.sort(1);
  const Tensor nan = sample.values.isnan().any(1);
  Tensor result;
  if (!sample.counts.defined()) {
    const double at = q * double(sorted.size(1) - 1);
    const auto below = static_cast<std::int64_t>(std::floor(at));
    const std::int64_t above = std::min(below + 1, sorted.size(1) - 1);
    result = sorted.select(1, below).lerp(sorted.select(1, above), at - double(below));
  } else {
    const Tensor reached = sample.counts.index_select(0, order.view(-1)).view_as(order).cumsum(1);
    const Tensor wanted = reached.select(1, reached.size(1) - 1) * q;
    const Tensor at = reached.lt(wanted.unsqueeze(1)).sum(1).clamp_max_(sorted.size(1) - 1);
    result = sorted.gather(1, at.unsqueeze(1)).squeeze(1);
  }
  return result.masked_fill(nan, std::numeric_limits<double>::quiet_NaN());
}

Bounds percentile(const RangeTask& task, const Sample& sample) {
  const double inside = task.options.percentile / 100;
  if (task.symmetric) {
    const Tensor high = quantile({sample.values.abs(), sample.counts}, inside);
    return {high.neg(), high};
  }
  return {quantile(sample, (1 - inside) / 2), quantile(sample, (1 + inside) / 2)};
}

Bounds least_error(const RangeTask& task, const Sample& sample) {
  const Bounds all = smallest_and_largest(sample);
  Bounds best = all;
  Tensor least;
  for (int k = 0; k < 80; ++k) {
    const double factor = 1 - 0.01 * k;
    const Bounds bounds{all.low * factor, all.high * factor};
    Tensor error = task.simulate(sample.values, bounds).sub_(sample.values).abs_().pow_(2.4);
    if (sample.counts.defined()) error.mul_(sample.counts);
    error = error.sum(1);
    if (k == 0) {
      least = error;
      continue;
    }
    const Tensor better = error < least;
    least = at::where(better, error, least);
    best.low = at::where(better, bounds.low, best.low);
    best.high = at::where(better, bounds.high, best.high);
  }
  return best;
}

// Divergence of the distribution that `levels` even levels over the first `kept` bins can tell from
// the distribution of all values clipped to those bins.
double divergence(const std::vector<double>& bins, std::size_t kept, std::size_t levels) {
  std::vector<double> clipped(bins.begin(), bins.begin() + static_cast<std::ptrdiff_t>(kept));
  std::vector<double> seen(kept, 0);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t begin = level * kept / levels, end = (level + 1) * kept / levels;
    double mass = 0;
    std::size_t occupied = 0;
    for (std::size_t i = begin; i < end; ++i) {
      mass += bins[i];
      occupied += bins[i] > 0 ? 1 : 0;
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (bins[i] > 0) seen[i] = mass / double(occupied);
    }
  }
  clipped[kept - 1] +=
      std::accumulate(bins.begin() + static_cast<std::ptrdiff_t>(kept), bins.end(), 0.0);
  const double p_sum = std::accumulate(clipped.begin(), clipped.end(), 0.0);
  const double q_sum = std::accumulate(seen.begin(), seen.end(), 0.0);
  if (p_sum == 0 || q_sum == 0) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    if (clipped[i] == 0) continue;
    // Outliers may end in a bin that was empty: no level stands for it.
    const double q = std::max(seen[i] / q_sum, 1e-12);
    sum += clipped[i] / p_sum * std::log(clipped[i] / p_sum / q);
  }
  return sum;
}

// Differs from the published calibration: windows have to hold so much of what is not zero, and of
// equal ones the widest wins. The divergence is one of normalized distributions: where few bins
// hold anything (few or pruned values), it is 0 for any window that ends in the first of them.
constexpr double kLeastShareInside = 0.9;

Bounds least_divergence(const RangeTask& task, const Sample& sample) {
  constexpr std::int64_t kBins = 2048;
  const Tensor magnitude = sample.values.detach().abs().to(torch::kFloat64).cpu();
  const std::int64_t groups = magnitude.size(0);
  Tensor high = torch::zeros({groups}, torch::kFloat64);
  const auto levels = static_cast<std::size_t>(std::min(task.levels, kBins));
  for (std::int64_t g = 0; g < groups; ++g) {
    const Tensor row = magnitude[g];
    const double top = row.max().item<double>();
    if (!(top > 0) || !std::isfinite(top)) {
      high[g] = top;
      continue;
    }
    const Tensor at = row.mul(double(kBins) / top).to(torch::kInt64).clamp_max_(kBins - 1);
    const Tensor weight =
        sample.counts.defined() ? sample.counts.cpu().to(torch::kFloat64) : torch::ones_like(row);
    const Tensor counted = at::bincount(at, weight, kBins);
    // A bin for zero would make all levels but the first look empty after a ReLU: zero is exact on
    // every grid and tells nothing about the range.
    std::vector<double> bins(counted.data_ptr<double>(), counted.data_ptr<double>() + kBins);
    bins[0] = bins[1];
    double least = std::numeric_limits<double>::infinity();
    std::size_t kept = static_cast<std::size_t>(kBins);
    const double all = std::accumulate(bins.begin(), bins.end(), 0.0);
    double inside = all;
    for (auto i = static_cast<std::size_t>(kBins); i >= levels; --i) {
      if (inside < kLeastShareInside * all) break;
      const double found = divergence(bins, i, levels);
      if (found < least) {
        least = found;
        kept = i;
      }
      inside -= bins[i - 1];
    }
    high[g] = top * double(kept) / double(kBins);
  }
  high = high.to(sample.values.device(), sample.values.scalar_type());
  return {high.neg(), high};
}

}  // namespace

Bounds find_range(const RangeTask& task, const Sample& sample) {
  if (sample.values.size(1) == 0) {
    const Tensor zeros = torch::zeros({sample.values.size(0)}, sample.values.options());
    return {zeros, zeros};
  }
  const std::string& range = task.options.range;
  if (range == "percentile") return percentile(task, sample);
  if (range == "mse") return least_error(task, sample);
  if (range == "entropy") return least_divergence(task, sample);
  return smallest_and_largest(sample);
}

}  // namespace deneb::quantizers
