#include "uniform_kernel.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernel.h"

namespace deneb::quantizers {
namespace {

// The division, not a product with 1 / step: both differ at ties, and a tie decides a whole level.
DENEB_INLINE float fake_quantized(float x, UniformGrid grid) {
  return round_even(clamp(x / grid.step, grid.low, grid.high)) * grid.step;
}

template <class T>
DENEB_INLINE void forward_loop(const T* x, T* y, std::int64_t count, UniformGrid grid) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    float space[kLanes], turn[kLanes];
    const float* const values = load(x + i, space);
    for (int j = 0; j < kLanes; ++j) turn[j] = fake_quantized(values[j], grid);
    store(turn, y + i);
  }
  for (; i < count; ++i) y[i] = narrow<T>(fake_quantized(widen(x[i]), grid));
}

DENEB_CLONES
void forward_block(const float* x, float* y, std::int64_t count, UniformGrid grid) {
  forward_loop(x, y, count, grid);
}

DENEB_CLONES
void forward_block(const Bfloat16* x, Bfloat16* y, std::int64_t count, UniformGrid grid) {
  forward_loop(x, y, count, grid);
}

// Gradient of one value; `sum` takes its part of the step's.
DENEB_INLINE float gradient(float x, float g, UniformGrid grid, float& sum) {
  const float v = x / grid.step, level = clamp(v, grid.low, grid.high);
  const bool inside = level == v;
  sum += g * (round_even(level) - (inside ? v : 0.f));
  return inside ? g : 0.f;
}

// kWrite is false where nobody needs the gradient of x.
template <bool kWrite, class T>
DENEB_INLINE double backward_loop(const T* __restrict x, const T* g, T* dx, std::int64_t count,
                                  UniformGrid grid) {
  constexpr std::int64_t kRun = 4096;  // elements between two additions to the double
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = std::min(count, begin + kRun);
    float sums[kLanes] = {};  // independent of each other, so that the loop can be vectorized
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      float space[2][kLanes], turn[kLanes];
      const float *const values = load(x + i, space[0]), *const upstream = load(g + i, space[1]);
      for (int j = 0; j < kLanes; ++j) turn[j] = gradient(values[j], upstream[j], grid, sums[j]);
      if (kWrite) store(turn, dx + i);
    }
    for (; i < end; ++i) {
      const T last = narrow<T>(gradient(widen(x[i]), widen(g[i]), grid, sums[0]));
      if (kWrite) dx[i] = last;
    }
    total += std::accumulate(sums, sums + kLanes, 0.f);
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
double backward_block(const Bfloat16* x, const Bfloat16* g, Bfloat16* dx, std::int64_t count,
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

template <class T>
void uniform_forward(const T* x, T* y, const Groups& groups, const UniformGrid* grids) {
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

template <class T>
std::vector<double> uniform_backward(const T* x, const T* g, T* dx, const Groups& groups,
                                     const UniformGrid* grids) {
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

template void uniform_forward(const float*, float*, const Groups&, const UniformGrid*);
template void uniform_forward(const Bfloat16*, Bfloat16*, const Groups&, const UniformGrid*);
template std::vector<double> uniform_backward(const float*, const float*, float*, const Groups&,
                                              const UniformGrid*);
template std::vector<double> uniform_backward(const Bfloat16*, const Bfloat16*, Bfloat16*,
                                              const Groups&, const UniformGrid*);

}  // namespace deneb::quantizers
