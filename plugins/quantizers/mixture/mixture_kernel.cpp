#include "mixture_kernel.h"

#include <algorithm>
#include <numeric>

#include "../common/kernel.h"

namespace deneb::quantizers {
namespace {

constexpr std::int64_t kRun = 2048;  // elements that stay in the first cache for all candidates

DENEB_CLONES
void add_candidate(const float* __restrict x, float* __restrict y, std::int64_t count, HalfWave c) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] += round_even(clamp(x[i], 0.f, c.top) / c.step) * c.step * c.share;
  }
}

// Adds the share of the candidate to `passing` where it lets the gradient through; returns the sum
// of g times the quantized value.
DENEB_CLONES
float add_gradient(const float* __restrict x, const float* __restrict g, float* __restrict passing,
                   std::int64_t count, HalfWave c) {
  constexpr int kLanes = 32;  // independent sums, so that the loop can be vectorized
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      const float v = x[i + j];
      passing[i + j] += (v >= 0.f) & (v <= c.top) ? c.share : 0.f;
      lanes[j] += g[i + j] * (round_even(clamp(v, 0.f, c.top) / c.step) * c.step);
    }
  }
  for (; i < count; ++i) {
    passing[i] += (x[i] >= 0.f) & (x[i] <= c.top) ? c.share : 0.f;
    lanes[0] += g[i] * (round_even(clamp(x[i], 0.f, c.top) / c.step) * c.step);
  }
  return std::accumulate(lanes, lanes + kLanes, 0.f);
}

DENEB_CLONES
void multiply(float* __restrict dx, const float* __restrict g, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] *= g[i];
}

}  // namespace

void mixture_forward(const float* x, float* y, std::int64_t count,
                     const std::vector<HalfWave>& candidates) {
  Pieces(Groups::whole(count)).for_each_run([&](auto, auto, std::int64_t at, std::int64_t size) {
    for (std::int64_t end = at + size; at < end; at += kRun) {
      const std::int64_t run = std::min(kRun, end - at);
      std::fill_n(y + at, run, 0.f);
      for (const HalfWave& c : candidates) add_candidate(x + at, y + at, run, c);
    }
  });
}

std::vector<double> mixture_backward(const float* x, const float* g, float* dx, std::int64_t count,
                                     const std::vector<HalfWave>& candidates) {
  const Pieces pieces(Groups::whole(count));
  const std::size_t n = candidates.size();
  std::vector<double> parts(static_cast<std::size_t>(pieces.count()) * n);
  pieces.for_each_run([&](std::int64_t piece, auto, std::int64_t at, std::int64_t size) {
    double* const part = parts.data() + static_cast<std::size_t>(piece) * n;
    for (std::int64_t end = at + size; at < end; at += kRun) {
      const std::int64_t run = std::min(kRun, end - at);
      std::fill_n(dx + at, run, 0.f);
      for (std::size_t k = 0; k < n; ++k) {
        part[k] += add_gradient(x + at, g + at, dx + at, run, candidates[k]);
      }
      multiply(dx + at, g + at, run);
    }
  });
  std::vector<double> sums(n);
  for (std::size_t i = 0; i < parts.size(); ++i) sums[i % n] += parts[i];
  return sums;
}

}  // namespace deneb::quantizers
