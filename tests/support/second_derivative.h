#pragma once

#include <torch/autograd.h>
#include <torch/utils.h>

#include <functional>
#include <vector>

/// The second derivative of a loss along one direction v, as v'Hv.
struct Curvature {
  double by_autograd;    ///< from the gradient of a gradient
  double by_difference;  ///< from two gradients
};

/// `loss` is a function of `of`: float64 leaves that require gradients. Along a random direction.
inline Curvature curvature(const std::function<torch::Tensor()>& loss,
                           const std::vector<torch::Tensor>& of) {
  using torch::Tensor;
  using torch::autograd::grad;
  std::vector<Tensor> direction;
  for (const Tensor& t : of) direction.push_back(torch::randn_like(t) * t.detach().abs().mean());
  // Of the loss, along the direction.
  const auto slope = [&] {
    const auto gradient = grad({loss()}, of, {}, /*retain_graph=*/true, /*create_graph=*/true);
    Tensor sum = torch::zeros({}, torch::kFloat64);
    for (std::size_t i = 0; i < of.size(); ++i) sum = sum + (gradient[i] * direction[i]).sum();
    return sum;
  };
  const auto move = [&](double step) {
    torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < of.size(); ++i) Tensor(of[i]).add_(direction[i], step);
  };
  Curvature result{0, 0};
  const auto second = grad({slope()}, of);
  for (std::size_t i = 0; i < of.size(); ++i) {
    result.by_autograd += (second[i] * direction[i]).sum().item<double>();
  }
  const double step = 1e-6;
  move(step);
  const double above = slope().item<double>();
  move(-2 * step);
  const double below = slope().item<double>();
  move(step);
  result.by_difference = (above - below) / (2 * step);
  return result;
}
