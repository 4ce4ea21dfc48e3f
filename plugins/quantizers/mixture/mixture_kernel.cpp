#include "mixture_kernel.h"

#include <algorithm>
#include <numeric>

#include "../common/kernel.h"

namespace deneb::quantizers {
namespace {

constexpr std::int64_t kRun = 1024;  // elements that stay in the first cache for all candidates

// What a candidate makes of one value; `passing` is its share inside and 0 outside. (No bool: GCC
// does not vectorize loops over types of two sizes.)
struct Point {
  float level, residual, passing;
};

// Division by the step, not a product with its reciprocal: both differ at ties.
struct HalfWave {
  static constexpr bool kResidual = false;
  static DENEB_INLINE Point point(float x, MixtureCandidate c) {
    const float level = round_even(clamp(x, c.low, c.high) / c.divisor);
    return {level, 0.f, (x >= c.low) & (x <= c.high) ? c.share : 0.f};
  }
};

struct MidRise {
  static constexpr bool kResidual = false;
  static DENEB_INLINE Point point(float x, MixtureCandidate c) {
    return {round_even(clamp(x / c.divisor + 0.5f, c.low, c.high)) - 0.5f, 0.f, c.share};
  }
};

struct Learned {
  static constexpr bool kResidual = true;
  static DENEB_INLINE Point point(float x, MixtureCandidate c) {
    const float v = x / c.divisor, clamped = clamp(v, c.low, c.high), level = round_even(clamped);
    const bool inside = clamped == v;
    return {level, level - (inside ? v : 0.f), inside ? c.share : 0.f};
  }
};

template <class Rule>
DENEB_INLINE void add_loop(const float* __restrict x, float* __restrict sum, std::int64_t count,
                           MixtureCandidate c) {
  const float weight = c.scale * c.share;
  for (std::int64_t i = 0; i < count; ++i) sum[i] += Rule::point(x[i], c).level * weight;
}

struct Sums {
  float level, residual;
};

// Adds the share of the candidate to `passing` where it lets the gradient through.
template <class Rule, bool kPassing>
DENEB_INLINE Sums gradient_loop(const float* __restrict x, const float* __restrict g,
                                float* __restrict passing, std::int64_t count, MixtureCandidate c) {
  float level[kLanes] = {}, residual[kLanes] = {};  // independent, so that the loop is vectorized
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      const Point p = Rule::point(x[i + j], c);
      if (kPassing) passing[i + j] += p.passing;
      level[j] += g[i + j] * p.level;
      if (Rule::kResidual) residual[j] += g[i + j] * p.residual;
    }
  }
  for (; i < count; ++i) {
    const Point p = Rule::point(x[i], c);
    if (kPassing) passing[i] += p.passing;
    level[0] += g[i] * p.level;
    if (Rule::kResidual) residual[0] += g[i] * p.residual;
  }
  return {std::accumulate(level, level + kLanes, 0.f),
          std::accumulate(residual, residual + kLanes, 0.f)};
}

template <class Rule>
DENEB_INLINE Sums gradient_run(const float* x, const float* g, float* passing, std::int64_t count,
                               MixtureCandidate c) {
  return passing ? gradient_loop<Rule, true>(x, g, passing, count, c)
                 : gradient_loop<Rule, false>(x, g, nullptr, count, c);
}

DENEB_CLONES
void add_half_wave(const float* x, float* sum, std::int64_t count, MixtureCandidate c) {
  add_loop<HalfWave>(x, sum, count, c);
}
DENEB_CLONES
void add_mid_rise(const float* x, float* sum, std::int64_t count, MixtureCandidate c) {
  add_loop<MidRise>(x, sum, count, c);
}
DENEB_CLONES
void add_learned(const float* x, float* sum, std::int64_t count, MixtureCandidate c) {
  add_loop<Learned>(x, sum, count, c);
}

DENEB_CLONES
Sums half_wave_gradient(const float* x, const float* g, float* passing, std::int64_t count,
                        MixtureCandidate c) {
  return gradient_run<HalfWave>(x, g, passing, count, c);
}
DENEB_CLONES
Sums mid_rise_gradient(const float* x, const float* g, float* passing, std::int64_t count,
                       MixtureCandidate c) {
  return gradient_run<MidRise>(x, g, passing, count, c);
}
DENEB_CLONES
Sums learned_gradient(const float* x, const float* g, float* passing, std::int64_t count,
                      MixtureCandidate c) {
  return gradient_run<Learned>(x, g, passing, count, c);
}

DENEB_CLONES
void multiply(float* __restrict by, const float* __restrict g, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) by[i] *= g[i];
}

struct Loops {
  void (*add)(const float*, float*, std::int64_t, MixtureCandidate);
  Sums (*gradient)(const float*, const float*, float*, std::int64_t, MixtureCandidate);
};

Loops loops_of(MixtureKind kind) {
  switch (kind) {
    case MixtureKind::kHalfWave:
      return {add_half_wave, half_wave_gradient};
    case MixtureKind::kMidRise:
      return {add_mid_rise, mid_rise_gradient};
    case MixtureKind::kLearned:
      break;
  }
  return {add_learned, learned_gradient};
}

// fn(piece, offset, count) for pieces of kRun values.
template <class Fn>
void for_each_short_run(const Pieces& pieces, const Fn& fn) {
  pieces.for_each_run([&](std::int64_t piece, auto, std::int64_t at, std::int64_t size) {
    for (const std::int64_t end = at + size; at < end; at += kRun) {
      fn(piece, at, std::min(kRun, end - at));
    }
  });
}

}  // namespace

// Results gather in a buffer on the stack, so that they may be written over what was read.
void mixture_forward(MixtureKind kind, MixtureInput x, float* y,
                     const MixtureCandidates& candidates) {
  const Loops loops = loops_of(kind);
  for_each_short_run(Pieces(Groups::whole(x.count)), [&](auto, std::int64_t at, std::int64_t size) {
    float sum[kRun] = {};
    const float* values = x.values + at;
    for (const MixtureCandidate& c : candidates) {
      loops.add(values, sum, size, c);
      values += x.stride;
    }
    std::copy_n(sum, size, y + at);
  });
}

MixtureSums mixture_backward(MixtureKind kind, MixtureInput x, const float* g, float* dx,
                             const MixtureCandidates& candidates) {
  const Loops loops = loops_of(kind);
  const Pieces pieces(Groups::whole(x.count));
  const std::size_t n = candidates.size();
  const bool shared = x.stride == 0;
  std::vector<double> parts(static_cast<std::size_t>(pieces.count()) * n * 2);
  for_each_short_run(pieces, [&](std::int64_t piece, std::int64_t at, std::int64_t size) {
    double* part = parts.data() + static_cast<std::size_t>(piece) * n * 2;
    float passing[kRun];
    const auto write = [&](float* to) {
      multiply(passing, g + at, size);
      std::copy_n(passing, size, to);
    };
    if (shared && dx) std::fill_n(passing, size, 0.f);
    std::int64_t from = at;
    for (const MixtureCandidate& c : candidates) {
      if (!shared && dx) std::fill_n(passing, size, 0.f);
      const Sums sums = loops.gradient(x.values + from, g + at, dx ? passing : nullptr, size, c);
      *part++ += sums.level;
      *part++ += sums.residual;
      if (!shared && dx) write(dx + from);
      from += x.stride;
    }
    if (shared && dx) write(dx + at);
  });
  MixtureSums sums{std::vector<double>(n), std::vector<double>(n)};
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    sums.level[i / 2 % n] += parts[i];
    sums.residual[i / 2 % n] += parts[i + 1];
  }
  return sums;
}

}  // namespace deneb::quantizers
