#include "even_grid.h"

namespace deneb::quantizers {
namespace {

using torch::Tensor;

constexpr double kSmallestReach = 1e-8;  // of a range, so that no step is 0

}  // namespace

EvenGrids asymmetric_grids(const Bounds& bounds, double steps) {
  torch::NoGradGuard no_grad;
  const Tensor low = bounds.low.clamp_max(0), high = bounds.high.clamp_min(0);
  EvenGrids grids;
  grids.step = (high - low).clamp_min_(kSmallestReach).div_(steps);
  grids.low = low.div(grids.step).round_();  // level of the range's low end
  grids.high = grids.low + steps;
  return grids;
}

EvenGrids symmetric_grids(const Tensor& reach, double low, double high) {
  torch::NoGradGuard no_grad;
  EvenGrids grids;
  grids.step = reach.clamp_min(kSmallestReach).div_(high);
  grids.low = at::full({1}, low, grids.step.options());
  grids.high = at::full({1}, high, grids.step.options());
  return grids;
}

Tensor on_even_grid(const Tensor& x, const Tensor& step, const Tensor& low, const Tensor& high) {
  return at::minimum(at::maximum(x.div(step), low), high).round_().mul_(step);
}

Tensor on_even_grids(const Tensor& values, const EvenGrids& grids) {
  return on_even_grid(values, grids.step.unsqueeze(1), grids.low.unsqueeze(1),
                      grids.high.unsqueeze(1));
}

}  // namespace deneb::quantizers
