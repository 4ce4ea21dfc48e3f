#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include <deneb/options/options.h>

/// Which range of values a quantizer's grid is laid over.
namespace deneb::quantizers {

struct RangeOptions {
  std::string granularity = "tensor";
  std::int64_t group_size = 32;
  std::string range = "max";
  double percentile = 99.99;
  double range_factor = 1;
  std::string update = "static";
  double momentum = 0.9;

  template <class V>
  void visit(V& v) {
    v("granularity", granularity,
      "values that share a scale: the tensor; an output channel (weights); the features of a pixel "
      "or token (activations, with update dynamic); or group_size neighbors within those",
      {"tensor", "channel", "token", "group"});
    v("group_size", group_size, "granularity group: values in a group", {1, 1e6});
    v("range", range,
      "max: all values; percentile: all but outliers; mse: least error to the power of 2.4; "
      "entropy: least "
      "Kullback-Leibler divergence",
      {"max", "percentile", "mse", "entropy"});
    v("percentile", percentile, "range percentile: percent of the values inside", {1, 100});
    v("range_factor", range_factor, "multiplies both ends of the range", {1e-3, 1e3});
    v("update", update,
      "static: fixed by calibration or else the first batch (weights: when the format is set); "
      "average: moving average over training batches; dynamic: every tensor its own",
      {"static", "average", "dynamic"});
    v("momentum", momentum, "update average: share of the old range", {0, 1});
  }
};

/// Ends of the ranges of G groups, two tensors [G].
struct Bounds {
  torch::Tensor low, high;
};

/// Values of G groups [G, K] and, for values that stand for several, how often each occurs [K].
struct Sample {
  torch::Tensor values, counts;
};

/// What a quantizer makes of values [G, K] under some bounds.
using Simulate = std::function<torch::Tensor(const torch::Tensor& values, const Bounds& bounds)>;

struct RangeTask {
  const RangeOptions& options;
  bool symmetric;       ///< only max(|low|, |high|) matters
  std::int64_t levels;  ///< of magnitudes, for entropy: highest level + 1
  Simulate simulate;    ///< for mse
};

/// The bounds of every group, before range_factor:
/// - max: smallest and largest value.
/// - percentile: quantile of the magnitudes (symmetric), or of both tails, half the outliers each;
///   linear
///   between neighboring values, if these have no counts.
/// - mse: the ends shrunk by 1 - k/100, k = 0 .. 79, where the error to the power of 2.4 is least,
///   the first of equals (BRECQ's search).
/// - entropy: TensorRT's search over 2048 bins of magnitudes; needs K >= 1 and symmetric.
/// NaN among the values gives NaN. K = 0 gives zeros.
Bounds find_range(const RangeTask& task, const Sample& sample);

}  // namespace deneb::quantizers
