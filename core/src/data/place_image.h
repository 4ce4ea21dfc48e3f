#pragma once

#include <cstdint>
#include <vector>

namespace deneb {

/// Scale and shift that turn a raw value into a normalized one, per channel.
struct Normalization {
  std::vector<float> scale, shift;
};

/// Offsets of one sample's crop, and whether it is mirrored after it.
struct Placement {
  std::int64_t dy = 0, dx = 0;
  bool mirror = false;
};

/// Copies one image [C, H, W]; pixels outside of the source (the crop's padding) are raw zeros.
/// Raw: std::uint8_t or float.
template <class Raw>
void place_image(const Raw* source, float* target, std::int64_t channels, std::int64_t height,
                 std::int64_t width, const Placement& placement, const Normalization& n);

}  // namespace deneb
