#pragma once

#include <torch/types.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <deneb/options/options.h>

/// Uniform quantization of normally distributed values with fixed steps: HWGQ (Cai et al. 2017,
/// arXiv 1702.00953) for activations behind a batch norm, mid-rise levels for weights, as EdMIPS
/// uses them (Cai and Vasconcelos 2020, arXiv 2004.05795).
namespace deneb::quantizers {

constexpr int kGaussianWidths = 8;                      ///< 1 .. 8 bits
using StepTable = std::array<double, kGaussianWidths>;  ///< by bits - 1, for unit deviation

/// 1 to 4 bits as published with EdMIPS; 5 to 8 continue by the same criterion, the least square
/// error against a normal distribution.
constexpr StepTable kWeightSteps = {1.596, 0.996, 0.586, 0.336, 0.18814, 0.10406, 0.05687, 0.03076};
/// Likewise, for its positive half and a lowest positive cell (0, 1.5 step] that goes to the step.
constexpr StepTable kActivationSteps = {0.799,   0.538,   0.3217,  0.185,
                                        0.10298, 0.05658, 0.03069, 0.01648};

/// The step of a width from the option `step_table`, or from `built_in` where that is empty.
inline double unit_step(const std::vector<double>& step_table, const StepTable& built_in,
                        int bits) {
  const auto at = static_cast<std::size_t>(bits - 1);
  return step_table.empty() ? built_in[at] : step_table[at];
}

/// What has to hold for the option `step_table`.
inline void check_step_table(const std::vector<double>& step_table, OptionErrors& errors) {
  if (step_table.size() > kGaussianWidths) {
    errors.add("step_table", "has " + std::to_string(step_table.size()) +
                                 " entries, expected one for each of at most 8 bits");
  }
  for (const double step : step_table) {
    if (step == 0) errors.add("step_table", "a step of 0 has no levels; expected steps > 0");
  }
}

/// Standard deviation of a weight tensor (unbiased, of all elements), a constant to the gradient.
/// Differs from EdMIPS: 0 for one weight, which has none.
inline torch::Tensor weight_deviation(const torch::Tensor& w) {
  const torch::Tensor values = w.detach();
  return values.numel() > 1 ? values.std(/*unbiased=*/true) : torch::zeros({}, values.options());
}

/// `w` on 2^bits levels at odd multiples of half a step, none at zero; step = `unit_step` times the
/// deviation. Differs from EdMIPS: weights without spread, which would be divided by 0, become 0.
inline torch::Tensor gaussian_weight(const torch::Tensor& w, const torch::Tensor& deviation,
                                     double unit_step, int bits) {
  const torch::Tensor step = deviation * unit_step;
  const double top = std::exp2(bits - 1) - 0.5;
  return w.div(step.masked_fill(step == 0, 1))
      .add_(0.5)
      .round_()
      .sub_(0.5)
      .clamp_(-top, top)
      .mul_(step);
}

/// Largest level of an activation.
inline double half_wave_top(double step, int bits) { return step * (std::exp2(bits) - 1); }

/// step round(clamp(x, 0, top) / step)
inline torch::Tensor half_wave(const torch::Tensor& x, double step, int bits) {
  return x.clamp(0, half_wave_top(step, bits)).div_(step).round_().mul_(step);
}

}  // namespace deneb::quantizers
