#pragma once

#include <random>

#include <deneb/random.h>

namespace deneb::testing {

/// Mean 0, deviation 1, and nearly normal: the sum of twelve uniform numbers. The same everywhere,
/// which std::normal_distribution is not.
inline double nearly_normal(std::mt19937_64& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += uniform_real(rng);
  return sum;
}

}  // namespace deneb::testing
