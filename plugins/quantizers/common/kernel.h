#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "groups.h"
#include "kernel_types.h"

/// For files of loops that are compiled by deneb_kernel_sources().

// The C library picks the widest version that the processor has when the plugin is loaded. The
// attribute does not reach lambdas and templates, so the loops are plain functions and what they
// call is inlined.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DENEB_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define DENEB_CLONES
#endif
#define DENEB_INLINE inline __attribute__((always_inline))

namespace deneb::quantizers {

/// Nearest integer, ties to even, for |v| < 2^22; NaN stays NaN. Adding and subtracting 1.5 * 2^23
/// does it on processors without an instruction for it too.
DENEB_INLINE float round_even(float v) {
  constexpr float kMagic = 12582912.f;
  return (v + kMagic) - kMagic;
}

/// v within [low, high]. The comparisons let NaN through.
DENEB_INLINE float clamp(float v, float low, float high) {
  const float raised = v < low ? low : v;
  return raised > high ? high : raised;
}

DENEB_INLINE float widen(float v) { return v; }
DENEB_INLINE float widen(Bfloat16 v) {
  const std::uint32_t bits = std::uint32_t(v.bits) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

/// The nearest T, ties to even; NaN stays NaN.
template <class T>
T narrow(float v);
template <>
DENEB_INLINE float narrow<float>(float v) {
  return v;
}
template <>
DENEB_INLINE Bfloat16 narrow<Bfloat16>(float v) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return {static_cast<std::uint16_t>(v == v ? rounded : 0x7fc0)};
}

/// Values of one turn of a loop that is to be vectorized.
constexpr int kLanes = 32;

/// One turn as float32, in `space` where it has to be converted, and back. Loading, computing and
/// storing are loops of their own: GCC vectorizes each, but not one loop over types of two sizes.
DENEB_INLINE const float* load(const float* from, float (&)[kLanes]) { return from; }
DENEB_INLINE const float* load(const Bfloat16* from, float (&space)[kLanes]) {
  for (int j = 0; j < kLanes; ++j) space[j] = widen(from[j]);
  return space;
}

template <class T>
DENEB_INLINE void store(const float (&from)[kLanes], T* to) {
  for (int j = 0; j < kLanes; ++j) to[j] = narrow<T>(from[j]);
}

/// The groups cut into pieces of at most kSize values, none of which spans two groups: sums over
/// pieces do not depend on the number of threads. Work is shared in runs of whole neighboring
/// pieces, whatever the groups are like.
class Pieces {
 public:
  static constexpr std::int64_t kSize = 1 << 15;  // 128 KiB of float32 stay in the second cache

  explicit Pieces(const Groups& groups)
      : groups_(groups), per_group_((groups.group + kSize - 1) / kSize) {}
  std::int64_t count() const { return groups_.count() * per_group_; }
  std::int64_t group_of(std::int64_t piece) const { return piece / per_group_; }

  /// fn(first piece, its group, offset of the first value, number of values) for runs of at most
  /// kSize values, in parallel. A run is a piece of a longer group, or it starts with a group and
  /// holds whole groups; only the last of them may be shorter than the others. So `fn` takes
  /// groups.group values for a group until there are fewer left, and divides by nothing.
  template <class Fn>
  void for_each_run(const Fn& fn) const {
    if (count() == 0) return;
    if (per_group_ > 1) return for_each_piece(fn);
    const std::int64_t group = groups_.group;
    // Rows without a shorter group at their end follow each other like groups.
    const bool even = groups_.columns % group == 0;
    const std::int64_t rows = even ? 1 : groups_.rows;
    const std::int64_t columns = even ? groups_.rows * groups_.columns : groups_.columns;
    const std::int64_t per_row = even ? groups_.count() : groups_.per_row();
    const std::int64_t per_run = kSize / group, runs = (per_row + per_run - 1) / per_run;
    const std::int64_t per_task = std::max<std::int64_t>(1, kSize / columns);  // of short rows
    at::parallel_for(0, rows * runs, per_task, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const std::int64_t row = k / runs, first = k % runs * per_run;
        const std::int64_t inside = first * group, at = row * columns + inside;
        const std::int64_t index = row * per_row + first;  // of the group, which is the piece
        fn(index, index, at, std::min(per_run * group, columns - inside));
      }
    });
  }

 private:
  template <class Fn>
  void for_each_piece(const Fn& fn) const {
    at::parallel_for(0, count(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const std::int64_t group = group_of(k), inside = k % per_group_ * kSize;
        const std::int64_t column = group % groups_.per_row() * groups_.group;
        const std::int64_t size = std::min(groups_.group, groups_.columns - column);
        if (inside >= size) continue;  // the last group of a row may be shorter
        fn(k, group, group / groups_.per_row() * groups_.columns + column + inside,
           std::min(kSize, size - inside));
      }
    });
  }

  Groups groups_;
  std::int64_t per_group_;
};

}  // namespace deneb::quantizers
