#pragma once

#include <torch/types.h>

#include "range.h"

namespace deneb::quantizers {

/// Counts of the values of any number of tensors, whose range need not be known in advance: bins
/// double their width, two becoming one, when a larger value comes. Values that are not finite do
/// not count.
class Histogram {
 public:
  /// `ends_only`: only the smallest and the largest value are wanted, which is much faster.
  explicit Histogram(bool ends_only = false) : ends_only_(ends_only) {}
  void add(const torch::Tensor& x);
  bool empty() const { return empty_; }
  /// The mean of each bin that holds values, as one group, beside their counts; the first and the
  /// last are replaced by the exact smallest and largest value. float64 on the CPU. Each stands for
  /// values within largest magnitude / 4096 of it. Of ends only: these two.
  Sample sample() const;

 private:
  static constexpr std::int64_t kBins = 1 << 14;  // even; zero lies between two bins
  void extend(double low, double high);
  void widen();

  bool ends_only_, empty_ = true;
  double limit_ = 0;  // bins cover [-limit, limit]; a power of two
  double low_ = 0, high_ = 0;
  torch::Tensor counts_, sums_;  // float64 [kBins]
};

}  // namespace deneb::quantizers
