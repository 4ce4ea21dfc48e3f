#include "data/place_image.h"

#include <algorithm>

namespace deneb {

template <class Raw>
void place_image(const Raw* source, float* target, std::int64_t channels, std::int64_t height,
                 std::int64_t width, const Placement& p, const Normalization& n) {
  // Columns of the crop that lie inside of the source.
  const std::int64_t begin = std::clamp<std::int64_t>(-p.dx, 0, width);
  const std::int64_t end = std::clamp<std::int64_t>(width - p.dx, 0, width);
  for (std::int64_t c = 0; c < channels; ++c) {
    const float scale = n.scale[static_cast<std::size_t>(c)];
    const float shift = n.shift[static_cast<std::size_t>(c)];
    for (std::int64_t y = 0; y < height; ++y, target += width) {
      const std::int64_t sy = y + p.dy;
      const bool inside = sy >= 0 && sy < height;
      if (!inside || end - begin < width) std::fill(target, target + width, shift);
      if (!inside) continue;
      const Raw* row = source + (c * height + sy) * width;
      if (p.mirror) {
        for (std::int64_t x = begin; x < end; ++x) {
          target[width - 1 - x] = static_cast<float>(row[x + p.dx]) * scale + shift;
        }
      } else {
        for (std::int64_t x = begin; x < end; ++x) {
          target[x] = static_cast<float>(row[x + p.dx]) * scale + shift;
        }
      }
    }
  }
}

template void place_image(const std::uint8_t*, float*, std::int64_t, std::int64_t, std::int64_t,
                          const Placement&, const Normalization&);
template void place_image(const float*, float*, std::int64_t, std::int64_t, std::int64_t,
                          const Placement&, const Normalization&);

}  // namespace deneb
