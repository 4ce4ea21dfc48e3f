#include "uniform_kernel.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernel.h"

namespace deneb::quantizers {
namespace {

DENEB_CLONES
void forward_block(const float* __restrict x, float* __restrict y, std::int64_t count,
                   UniformGrid grid) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = round_even(clamp(x[i] / grid.step, grid.low, grid.high)) * grid.step;
  }
}

// The division, not a product with 1 / step: both differ at ties, and a tie decides a whole level.
// kWrite is false where nobody needs the gradient of x.
template <bool kWrite>
DENEB_INLINE double backward_loop(const float* __restrict x, const float* __restrict g,
                                  float* __restrict dx, std::int64_t count, UniformGrid grid) {
  constexpr int kLanes = 32;           // independent sums, so that the loop can be vectorized
  constexpr std::int64_t kRun = 4096;  // elements between two additions to the double
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = std::min(count, begin + kRun);
    float lanes[kLanes] = {};
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        const float v = x[i + j] / grid.step, level = clamp(v, grid.low, grid.high),
                    gradient = g[i + j];
        const bool inside = level == v;
        if (kWrite) dx[i + j] = inside ? gradient : 0.f;
        lanes[j] += gradient * (round_even(level) - (inside ? v : 0.f));
      }
    }
    for (; i < end; ++i) {
      const float v = x[i] / grid.step, level = clamp(v, grid.low, grid.high), gradient = g[i];
      const bool inside = level == v;
      if (kWrite) dx[i] = inside ? gradient : 0.f;
      lanes[0] += gradient * (round_even(level) - (inside ? v : 0.f));
    }
    total += std::accumulate(lanes, lanes + kLanes, 0.f);
  }
  return total;
}

DENEB_CLONES
double backward_block(const float* x, const float* g, float* dx, std::int64_t count,
                      UniformGrid grid) {
  return dx ? backward_loop<true>(x, g, dx, count, grid)
            : backward_loop<false>(x, g, dx, count, grid);
}

DENEB_CLONES
void mask_block(const float* __restrict x, const float* __restrict g, float* __restrict dx,
                std::int64_t count, UniformGrid grid) {
  for (std::int64_t i = 0; i < count; ++i) {
    // Far values are brought near first: round_even() has its limits.
    const float level = round_even(clamp(x[i] / grid.step, grid.low - 1, grid.high + 1));
    dx[i] = (level >= grid.low) & (level <= grid.high) ? g[i] : 0.f;
  }
}

}  // namespace

void uniform_forward(const float* x, float* y, const Groups& groups, const UniformGrid* grids) {
  Pieces(groups).for_each(
      [&](std::int64_t, std::int64_t group, std::int64_t at, std::int64_t count) {
        forward_block(x + at, y + at, count, grids[group]);
      });
}

void uniform_mask(const float* x, const float* g, float* dx, const Groups& groups,
                  const UniformGrid* grids) {
  Pieces(groups).for_each(
      [&](std::int64_t, std::int64_t group, std::int64_t at, std::int64_t count) {
        mask_block(x + at, g + at, dx + at, count, grids[group]);
      });
}

std::vector<double> uniform_backward(const float* x, const float* g, float* dx,
                                     const Groups& groups, const UniformGrid* grids) {
  const Pieces pieces(groups);
  std::vector<double> parts(static_cast<std::size_t>(pieces.count()));
  pieces.for_each([&](std::int64_t piece, std::int64_t group, std::int64_t at, std::int64_t count) {
    parts[static_cast<std::size_t>(piece)] =
        backward_block(x + at, g + at, dx ? dx + at : nullptr, count, grids[group]);
  });
  std::vector<double> sums(static_cast<std::size_t>(groups.count()));
  for (std::int64_t piece = 0; piece < pieces.count(); ++piece) {
    sums[static_cast<std::size_t>(pieces.group_of(piece))] +=
        parts[static_cast<std::size_t>(piece)];
  }
  return sums;
}

}  // namespace deneb::quantizers
