#include "crop.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <deneb/random.h>

namespace deneb::image_folder {
namespace {

// Halves go to the even number, as in Python.
std::int64_t middle(std::int64_t length, std::int64_t side) {
  return std::llrint(static_cast<double>(length - side) / 2);
}

double between(double low, double high, std::mt19937_64& rng) {
  return low + (high - low) * uniform_real(rng);
}

std::int64_t place(std::int64_t source, std::int64_t length, std::mt19937_64& rng) {
  return static_cast<std::int64_t>(
      uniform_index(rng, static_cast<std::uint64_t>(source - length + 1)));
}

// The largest part in the middle whose ratio is allowed: for images so long that no try fits.
Crop fallback(ImageSize image, const CropRange& range, std::int64_t side) {
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  ImageSize size = image;
  if (width < range.least_ratio * height) {
    size.height = std::max<std::int64_t>(1, std::llround(width / range.least_ratio));
  } else if (width > range.most_ratio * height) {
    size.width = std::max<std::int64_t>(1, std::llround(height * range.most_ratio));
  }
  return {(image.height - size.height) / 2, (image.width - size.width) / 2, size, {side, side}};
}

}  // namespace

Crop center_crop(ImageSize image, std::int64_t resize, std::int64_t side) {
  const std::int64_t shorter = std::min(image.width, image.height);
  const auto resized = [&](std::int64_t length) { return resize * length / shorter; };
  const ImageSize scaled{resized(image.width), resized(image.height)};
  return {0, 0, image, scaled, middle(scaled.height, side), middle(scaled.width, side)};
}

Crop random_crop(ImageSize image, const CropRange& range, std::int64_t side, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  const double whole = static_cast<double>(image.width) * static_cast<double>(image.height);
  for (int i = 0; i < 10; ++i) {
    const double area = whole * between(range.least_area, range.most_area, rng);
    const double ratio =
        std::exp(between(std::log(range.least_ratio), std::log(range.most_ratio), rng));
    const std::int64_t width = std::llround(std::sqrt(area * ratio));
    const std::int64_t height = std::llround(std::sqrt(area / ratio));
    if (width < 1 || width > image.width || height < 1 || height > image.height) continue;
    const std::int64_t top = place(image.height, height, rng);
    const std::int64_t left = place(image.width, width, rng);
    return {top, left, {width, height}, {side, side}};
  }
  return fallback(image, range, side);
}

torch::Tensor take(const Image& image, const Crop& crop, std::int64_t side) {
  torch::NoGradGuard no_grad;
  const auto bytes = torch::from_blob(const_cast<std::uint8_t*>(image.rgb.data()),
                                      {image.size.height, image.size.width, 3}, torch::kUInt8);
  const auto part = bytes.narrow(0, crop.top, crop.part.height)
                        .narrow(1, crop.left, crop.part.width)
                        .permute({2, 0, 1})
                        .unsqueeze(0)
                        .to(torch::kFloat32)
                        .contiguous();
  const std::vector<std::int64_t> size = {crop.scaled.height, crop.scaled.width};
  return at::_upsample_bilinear2d_aa(part, size, /*align_corners=*/false)[0]
      .narrow(1, crop.row, side)
      .narrow(2, crop.column, side)
      .round()
      .clamp(0, 255)
      .to(torch::kUInt8);
}

}  // namespace deneb::image_folder
