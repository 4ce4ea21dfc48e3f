#include "lsq_kernel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>
#include <vector>

// The C library picks the widest version that the processor has when the plugin is loaded. Lambdas
// cannot be cloned, so the loops are functions.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DENEB_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define DENEB_CLONES
#endif
#define DENEB_INLINE inline __attribute__((always_inline))  // into each of the versions

namespace deneb::quantizers {
namespace {

constexpr std::int64_t kBlock = 1 << 15;  // elements of one task: 128 KiB stay in the second cache

// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for |v| < 2^22, on
// processors without an instruction for it too.
DENEB_INLINE float round_even(float v) {
  constexpr float kMagic = 12582912.f;
  return (v + kMagic) - kMagic;
}

// Comparisons in this order let NaN through.
DENEB_INLINE float clamp(float v, float low, float high) {
  const float raised = v < low ? low : v;
  return raised > high ? high : raised;
}

DENEB_CLONES
void forward_block(const float* __restrict x, float* __restrict y, std::int64_t count, float step,
                   float low, float high) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = round_even(clamp(x[i] / step, low, high)) * step;
  }
}

// The division, not a product with 1 / step: both differ at ties, and a tie decides a whole level.
// kWrite is false where nobody needs the gradient of x.
template <bool kWrite>
DENEB_INLINE double backward_loop(const float* __restrict x, const float* __restrict g,
                                  float* __restrict dx, std::int64_t count, float step, float low,
                                  float high) {
  constexpr int kLanes = 32;           // independent sums, so that the loop can be vectorized
  constexpr std::int64_t kRun = 4096;  // elements between two additions to the double
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += kRun) {
    const std::int64_t end = std::min(count, begin + kRun);
    float lanes[kLanes] = {};
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int j = 0; j < kLanes; ++j) {
        const float v = x[i + j] / step, level = clamp(v, low, high), gradient = g[i + j];
        const bool inside = level == v;
        if (kWrite) dx[i + j] = inside ? gradient : 0.f;
        lanes[j] += gradient * (round_even(level) - (inside ? v : 0.f));
      }
    }
    for (; i < end; ++i) {
      const float v = x[i] / step, level = clamp(v, low, high), gradient = g[i];
      const bool inside = level == v;
      if (kWrite) dx[i] = inside ? gradient : 0.f;
      lanes[0] += gradient * (round_even(level) - (inside ? v : 0.f));
    }
    total += std::accumulate(lanes, lanes + kLanes, 0.f);
  }
  return total;
}

DENEB_CLONES
double backward_block(const float* x, const float* g, float* dx, std::int64_t count, float step,
                      float low, float high) {
  return dx ? backward_loop<true>(x, g, dx, count, step, low, high)
            : backward_loop<false>(x, g, dx, count, step, low, high);
}

}  // namespace

void lsq_forward(const float* x, float* y, std::int64_t count, float step, float low, float high) {
  at::parallel_for(0, count, kBlock, [&](std::int64_t begin, std::int64_t end) {
    forward_block(x + begin, y + begin, end - begin, step, low, high);
  });
}

double lsq_backward(const float* x, const float* g, float* dx, std::int64_t count, float step,
                    float low, float high) {
  const std::int64_t blocks = (count + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<std::size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      const std::int64_t at = k * kBlock;
      sums[static_cast<std::size_t>(k)] = backward_block(
          x + at, g + at, dx ? dx + at : nullptr, std::min(kBlock, count - at), step, low, high);
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace deneb::quantizers
