#include "dorefa_kernel.h"

#include "kernel.h"

namespace deneb::quantizers {
namespace {

DENEB_CLONES
void unsigned_block(const float* __restrict x, float* __restrict y, std::int64_t count,
                    float levels) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = round_even(clamp(x[i], 0.f, 1.f) * levels) / levels;
  }
}

DENEB_CLONES
void signed_block(const float* __restrict x, float* __restrict y, std::int64_t count,
                  float levels) {
  const float half = levels / 2;
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = (2 * round_even((clamp(x[i], -1.f, 1.f) + 1) * half) - levels) / levels;
  }
}

DENEB_CLONES
void mask_block(const float* __restrict x, const float* __restrict g, float* __restrict dx,
                std::int64_t count, float low) {
  for (std::int64_t i = 0; i < count; ++i) dx[i] = (x[i] >= low) & (x[i] <= 1) ? g[i] : 0.f;
}

}  // namespace

void dorefa_forward(const float* x, float* y, std::int64_t count, float levels, bool is_signed) {
  Pieces(Groups::whole(count)).for_each_run([&](auto, auto, std::int64_t at, std::int64_t size) {
    if (is_signed) {
      signed_block(x + at, y + at, size, levels);
    } else {
      unsigned_block(x + at, y + at, size, levels);
    }
  });
}

void dorefa_backward(const float* x, const float* g, float* dx, std::int64_t count,
                     bool is_signed) {
  const float low = is_signed ? -1.f : 0.f;
  Pieces(Groups::whole(count)).for_each_run([&](auto, auto, std::int64_t at, std::int64_t size) {
    mask_block(x + at, g + at, dx + at, size, low);
  });
}

}  // namespace deneb::quantizers
