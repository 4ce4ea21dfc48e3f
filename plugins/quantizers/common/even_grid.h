#pragma once

#include <torch/types.h>

#include "range.h"

namespace deneb::quantizers {

/// Even grids of G groups: y = round(clamp(x / step, low, high)) step. `step` is [G], low and high
/// are too or [1], which is the same for all. A zero point has been taken off low and high, so that
/// 0 is exact and low and high are whole numbers.
struct EvenGrids {
  torch::Tensor step, low, high;
};

/// Grids of `steps` + 1 levels each whose zero point lies anywhere in the range; ranges that do not
/// hold 0 are widened to it, since padding and skipped inputs are zeros. Without gradient.
EvenGrids asymmetric_grids(const Bounds& bounds, double steps);
/// The levels low .. high, the end of the range on the last one. `reach` [G] is that end. Without
/// gradient.
EvenGrids symmetric_grids(const torch::Tensor& reach, double low, double high);

/// `x` on the grid, ties to even; the other arguments are spread over `x` or broadcast to it.
torch::Tensor on_even_grid(const torch::Tensor& x, const torch::Tensor& step,
                           const torch::Tensor& low, const torch::Tensor& high);

/// The values [G, K] of G groups on their grids.
torch::Tensor on_even_grids(const torch::Tensor& values, const EvenGrids& grids);

}  // namespace deneb::quantizers
