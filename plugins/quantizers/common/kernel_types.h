#pragma once

#include <cstdint>

namespace deneb::quantizers {

/// A bfloat16 number as it lies in memory: the upper half of a float32.
struct Bfloat16 {
  std::uint16_t bits;
};

}  // namespace deneb::quantizers
