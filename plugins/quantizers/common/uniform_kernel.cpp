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

// The functions below take a run of groups of `group` values (see Pieces), so that what is done
// once per group is a few instructions.
template <class T>
DENEB_INLINE void forward_groups(const T* x, T* y, std::int64_t count, std::int64_t group,
                                 UniformGrids grids) {
  for (std::int64_t k = 0, at = 0; at < count; ++k, at += group) {
    forward_loop(x + at, y + at, std::min(group, count - at), grids[k]);
  }
}

DENEB_CLONES
void forward_run(const float* x, float* y, std::int64_t count, std::int64_t group,
                 UniformGrids grids) {
  forward_groups(x, y, count, group, grids);
}

DENEB_CLONES
void forward_run(const Bfloat16* x, Bfloat16* y, std::int64_t count, std::int64_t group,
                 UniformGrids grids) {
  forward_groups(x, y, count, group, grids);
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

template <bool kWrite, class T>
DENEB_INLINE void backward_groups(const T* x, const T* g, T* dx, std::int64_t count,
                                  std::int64_t group, UniformGrids grids, double* sums) {
  for (std::int64_t k = 0, at = 0; at < count; ++k, at += group) {
    sums[k] = backward_loop<kWrite>(x + at, g + at, kWrite ? dx + at : nullptr,
                                    std::min(group, count - at), grids[k]);
  }
}

// One sum to each group.
DENEB_CLONES
void backward_run(const float* x, const float* g, float* dx, std::int64_t count, std::int64_t group,
                  UniformGrids grids, double* sums) {
  dx ? backward_groups<true>(x, g, dx, count, group, grids, sums)
     : backward_groups<false>(x, g, dx, count, group, grids, sums);
}

DENEB_CLONES
void backward_run(const Bfloat16* x, const Bfloat16* g, Bfloat16* dx, std::int64_t count,
                  std::int64_t group, UniformGrids grids, double* sums) {
  dx ? backward_groups<true>(x, g, dx, count, group, grids, sums)
     : backward_groups<false>(x, g, dx, count, group, grids, sums);
}

// Of one value.
DENEB_INLINE float masked(float x, float g, UniformGrid grid) {
  // Far values are brought near first: round_even() has its limits.
  const float level = round_even(clamp(x / grid.step, grid.low - 1, grid.high + 1));
  return (level >= grid.low) & (level <= grid.high) ? g : 0.f;
}

DENEB_CLONES
void mask_run(const float* __restrict x, const float* __restrict g, float* __restrict dx,
              std::int64_t count, std::int64_t group, UniformGrids grids) {
  for (std::int64_t k = 0, at = 0; at < count; ++k, at += group) {
    const UniformGrid grid = grids[k];
    const std::int64_t end = at + std::min(group, count - at);
    std::int64_t i = at;
    for (; i + kLanes <= end; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) dx[i + j] = masked(x[i + j], g[i + j], grid);
    }
    for (; i < end; ++i) dx[i] = masked(x[i], g[i], grid);
  }
}

}  // namespace

template <class T>
void uniform_forward(const T* x, T* y, const Groups& groups, UniformGrids grids) {
  Pieces(groups).for_each_run(
      [&](std::int64_t, std::int64_t group, std::int64_t at, std::int64_t count) {
        forward_run(x + at, y + at, count, groups.group, grids.from(group));
      });
}

void uniform_mask(const float* x, const float* g, float* dx, const Groups& groups,
                  UniformGrids grids) {
  Pieces(groups).for_each_run(
      [&](std::int64_t, std::int64_t group, std::int64_t at, std::int64_t count) {
        mask_run(x + at, g + at, dx + at, count, groups.group, grids.from(group));
      });
}

template <class T>
std::vector<double> uniform_backward(const T* x, const T* g, T* dx, const Groups& groups,
                                     UniformGrids grids) {
  const Pieces pieces(groups);
  std::vector<double> parts(static_cast<std::size_t>(pieces.count()));
  pieces.for_each_run(
      [&](std::int64_t piece, std::int64_t group, std::int64_t at, std::int64_t count) {
        backward_run(x + at, g + at, dx ? dx + at : nullptr, count, groups.group, grids.from(group),
                     &parts[static_cast<std::size_t>(piece)]);
      });
  std::vector<double> sums(static_cast<std::size_t>(groups.count()));
  for (std::int64_t piece = 0; piece < pieces.count(); ++piece) {
    sums[static_cast<std::size_t>(pieces.group_of(piece))] +=
        parts[static_cast<std::size_t>(piece)];
  }
  return sums;
}

template void uniform_forward(const float*, float*, const Groups&, UniformGrids);
template void uniform_forward(const Bfloat16*, Bfloat16*, const Groups&, UniformGrids);
template std::vector<double> uniform_backward(const float*, const float*, float*, const Groups&,
                                              UniformGrids);
template std::vector<double> uniform_backward(const Bfloat16*, const Bfloat16*, Bfloat16*,
                                              const Groups&, UniformGrids);

}  // namespace deneb::quantizers
