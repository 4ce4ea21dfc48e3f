#include "learned_step.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>

namespace deneb::quantizers {

using torch::Tensor;

Levels levels_of(const Format& format, bool symmetric) {
  if (!format.is_signed()) return {0, std::exp2(format.bits) - 1};
  const double half = std::exp2(format.bits - 1);
  return {symmetric ? 1 - half : -half, half - 1};
}

float magnitude(float step) { return std::max(std::abs(step), float(kSmallestStep)); }
Tensor magnitude(const Tensor& step) { return step.abs().clamp_min_(kSmallestStep); }

Tensor initial_weight_steps(const Tensor& rows, int bits) {
  const Tensor mean = rows.mean(1);
  const Tensor spread =
      rows.size(1) > 1 ? rows.std(1, /*unbiased=*/true) * 3 : torch::zeros_like(mean);
  const Tensor reach = at::maximum((mean - spread).abs(), (mean + spread).abs());
  return reach.div(std::exp2(bits - 1)).clamp_min(kSmallestStep);
}

std::optional<double> mean_magnitude(const Tensor& x) {
  torch::NoGradGuard no_grad;
  const double mean = x.abs().mean().item<double>();
  if (!(mean > 0) || !std::isfinite(mean)) return std::nullopt;
  return mean;
}

double initial_activation_step(double mean_magnitude, double high) {
  return std::max(2 * mean_magnitude / std::sqrt(high), kSmallestStep);
}

double step_gain(const Tensor& x, std::int64_t steps, bool one_sample, double high) {
  const std::int64_t sharing = x.numel() / (one_sample && x.dim() > 0 ? x.size(0) : steps);
  return 1 / std::sqrt(high * double(sharing));
}

}  // namespace deneb::quantizers
