#include "hessian.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <deneb/interrupt.h>

namespace deneb::emq {
namespace {

using torch::Tensor;

constexpr double kGuard = 1e-6;       // against division by zero
constexpr double kDifference = 1e-3;  // of the norm of the weight

// -1 and 1, from the bits of `rng`: the same on every machine.
Tensor random_signs(const Tensor& like, std::mt19937_64& rng) {
  Tensor signs = torch::empty({like.numel()}, torch::kFloat64);
  double* values = signs.data_ptr<double>();
  std::uint64_t bits = 0;
  for (std::int64_t i = 0; i < signs.numel(); ++i) {
    if (i % 64 == 0) bits = rng();
    values[i] = (bits >> (i % 64)) & 1 ? 1 : -1;
  }
  return signs.view(like.sizes()).to(like.options());
}

Tensor random_normal(const Tensor& like, std::mt19937_64& rng) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(rng());
  return torch::randn(like.sizes(), generator, torch::kFloat64).to(like.options());
}

double dot_product(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kFloat64) * b.to(torch::kFloat64)).sum().item<double>();
}

bool has_settled(double before, double after, double tolerance) {
  return std::fabs(after - before) / (std::fabs(before) + kGuard) < tolerance;
}

Tensor normalized(const Tensor& v) { return v / (std::sqrt(dot_product(v, v)) + kGuard); }

}  // namespace

std::optional<BlockHessian> BlockHessian::of(const Tensor& loss, std::vector<Tensor> weights) {
  try {
    auto gradients = torch::autograd::grad({loss}, weights, {}, /*retain_graph=*/true,
                                           /*create_graph=*/true, /*allow_unused=*/true);
    return BlockHessian(std::move(weights), std::move(gradients));
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

Tensor BlockHessian::product(std::size_t i, const Tensor& v) const {
  // A loss that is linear in the weight, or does not see it, leaves nothing to differentiate.
  if (!gradients_[i].defined() || !gradients_[i].requires_grad()) return torch::zeros_like(v);
  const Tensor product =
      torch::autograd::grad({gradients_[i]}, {weights_[i]}, {v}, /*retain_graph=*/true,
                            /*create_graph=*/false, /*allow_unused=*/true)[0];
  return product.defined() ? product : torch::zeros_like(v);
}

Tensor difference_product(const Tensor& weight, const Tensor& v,
                          const std::function<Tensor()>& gradient) {
  class Moved {
   public:
    explicit Moved(const Tensor& weight) : weight_(weight), own_(weight.detach().clone()) {}
    ~Moved() { to(own_); }
    void to(const Tensor& values) {
      const torch::NoGradGuard no_grad;
      weight_.copy_(values);
    }
    const Tensor& own() const { return own_; }

   private:
    Tensor weight_, own_;
  };
  Moved moved(weight);
  const double size = std::sqrt(dot_product(moved.own(), moved.own()));
  const double step = kDifference * (size + kGuard) / (std::sqrt(dot_product(v, v)) + kGuard);
  const auto gradient_at = [&](double shift) {
    moved.to(moved.own() + shift * v);
    const Tensor found = gradient();
    return found.defined() ? found.detach().clone() : torch::zeros_like(v);
  };
  const Tensor after = gradient_at(step);
  return (after - gradient_at(-step)) / (2 * step);
}

HessianEstimate hutchinson_trace(const HessianProduct& product, const Tensor& like,
                                 const HessianOptions& options, std::mt19937_64& rng) {
  HessianEstimate estimate;
  double sum = 0;
  while (estimate.products < options.draws && !estimate.converged) {
    throw_if_stopping();
    const Tensor v = random_signs(like, rng);
    sum += dot_product(v, product(v));
    ++estimate.products;
    const double mean = sum / estimate.products;
    estimate.converged =
        estimate.products > 1 && has_settled(estimate.value, mean, options.tolerance);
    estimate.value = mean;
  }
  return estimate;
}

HessianEstimate top_eigenvalue(const HessianProduct& product, const Tensor& like,
                               const HessianOptions& options, std::mt19937_64& rng) {
  HessianEstimate estimate;
  Tensor v = normalized(random_normal(like, rng));
  while (estimate.products < options.draws && !estimate.converged) {
    throw_if_stopping();
    const Tensor hv = product(v);
    const double value = dot_product(v, hv);
    ++estimate.products;
    estimate.converged =
        estimate.products > 1 && has_settled(estimate.value, value, options.tolerance);
    estimate.value = value;
    v = normalized(hv);
  }
  return estimate;
}

}  // namespace deneb::emq
