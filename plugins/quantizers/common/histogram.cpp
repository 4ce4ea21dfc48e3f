#include "histogram.h"

#include <algorithm>
#include <cmath>

namespace deneb::quantizers {

using torch::Tensor;

void Histogram::add(const Tensor& x) {
  torch::NoGradGuard no_grad;
  if (ends_only_ && x.numel() > 0) {
    const auto [least, largest] = at::aminmax(x.detach());
    const double low = least.item<double>(), high = largest.item<double>();
    if (std::isfinite(low) && std::isfinite(high)) return extend(low, high);
  }
  Tensor values = x.detach().reshape({-1}).to(torch::kCPU, torch::kFloat64);
  values = values.masked_select(values.isfinite());
  if (values.numel() == 0) return;
  const double low = values.min().item<double>(), high = values.max().item<double>();
  const double reach = std::max(std::abs(low), std::abs(high));
  extend(low, high);
  if (ends_only_) return;
  if (!counts_.defined()) {
    counts_ = torch::zeros({kBins}, torch::kFloat64);
    sums_ = torch::zeros({kBins}, torch::kFloat64);
  }
  if (limit_ == 0 && reach > 0) {
    // Zeros may have come before: they are in one of the two middle bins whatever the limit is.
    limit_ = std::exp2(std::ceil(std::log2(reach)));
  }
  while (limit_ < reach) widen();
  const double width = limit_ > 0 ? 2 * limit_ / double(kBins) : 1;
  const Tensor bin =
      values.div(width).add_(double(kBins / 2)).floor_().clamp_(0, kBins - 1).to(torch::kInt64);
  counts_.add_(at::bincount(bin, {}, kBins));
  sums_.add_(at::bincount(bin, values, kBins));
}

void Histogram::extend(double low, double high) {
  low_ = empty_ ? low : std::min(low_, low);
  high_ = empty_ ? high : std::max(high_, high);
  empty_ = false;
}

void Histogram::widen() {
  for (Tensor* bins : {&counts_, &sums_}) {
    Tensor wide = torch::zeros({kBins}, torch::kFloat64);
    wide.narrow(0, kBins / 4, kBins / 2).copy_(bins->view({kBins / 2, 2}).sum(1));
    *bins = wide;
  }
  limit_ *= 2;
}

Sample Histogram::sample() const {
  if (ends_only_) {
    const Tensor ends = torch::tensor({low_, high_}, torch::kFloat64);
    return {ends.unsqueeze(0), torch::ones_like(ends)};
  }
  const Tensor filled = counts_.gt(0);
  const Tensor counts = counts_.masked_select(filled);
  Tensor values = sums_.masked_select(filled).div(counts);
  values[0] = low_;
  values[-1] = high_;
  return {values.unsqueeze(0), counts};
}

}  // namespace deneb::quantizers
