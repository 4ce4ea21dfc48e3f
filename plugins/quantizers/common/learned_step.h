#pragma once

#include <torch/types.h>

#include <optional>

#include <deneb/quant/format.h>

/// What quantizers with learned step sizes share: Esser et al. 2020 (arXiv 1902.08153) with the
/// initial values of LIMPQ (Tang et al. 2022).
namespace deneb::quantizers {

constexpr double kSmallestStep = 1e-5;

/// Integer grid of a format: lowest and highest level. `symmetric` leaves out the lowest level of
/// signed formats.
struct Levels {
  double low, high;
};
Levels levels_of(const Format& format, bool symmetric = false);

/// The steps that are used for the learned ones.
/// Differs from the paper: the magnitude of a step is used, and not less than 1e-5 (which the
/// gradient does not see). A step that an update carries below zero would give zero for every x of
/// an unsigned grid and no gradient at all; held at a small positive value it would clip every x,
/// with a gradient that throws it as far up.
float magnitude(float step);
torch::Tensor magnitude(const torch::Tensor& step);

/// y = round(clamp(x / s, low, high)) s with s = magnitude(step), ties to even, and the gradients
/// of Esser et al., equations 3 to 5; that of the step is multiplied by `gain`. `step` is a scalar
/// or has an entry for each index of dimension 0 of x. low and high are whole numbers. bfloat16 is
/// computed in float32.
torch::Tensor on_learned_grid(const torch::Tensor& x, const torch::Tensor& step, double low,
                              double high, double gain);

/// Initial steps of the weights [R, K], [R]: max(|mean - 3 sd|, |mean + 3 sd|) / 2^(bits - 1), sd
/// unbiased. Differs from LIMPQ: at least 1e-5, where constant zero weights would give 0.
torch::Tensor initial_weight_steps(const torch::Tensor& rows, int bits);

/// mean|x|; nullopt where it tells nothing (zeros) or nothing good (NaN, infinity).
std::optional<double> mean_magnitude(const torch::Tensor& x);
/// Initial step of activations: 2 mean|x| / sqrt(highest level), at least 1e-5.
double initial_activation_step(double mean_magnitude, double high);

/// g of Esser et al. 2020, section 2.2: 1 / sqrt(N `high`). N = the values of `x` that share one of
/// `steps` steps; of activations, where `one_sample`, the features of one sample.
double step_gain(const torch::Tensor& x, std::int64_t steps, bool one_sample, double high);

}  // namespace deneb::quantizers
