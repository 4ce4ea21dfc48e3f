#pragma once

#include <torch/types.h>

#include <cstdint>

#include "image_file.h"

namespace deneb::image_folder {

/// A part of an image, scaled to height x width; from that, what begins at `row` and `column`.
struct Crop {
  std::int64_t top = 0, left = 0;
  ImageSize part;    ///< of the image, from top and left
  ImageSize scaled;  ///< what the part becomes
  std::int64_t row = 0, column = 0;
};

/// The shorter side is scaled to `resize`, then the middle `side` x `side` pixels are taken;
/// side <= resize. Rounded as torchvision's Resize and CenterCrop do.
Crop center_crop(ImageSize image, std::int64_t resize, std::int64_t side);

/// Area of a random crop relative to the image, and its width relative to its height.
struct CropRange {
  double least_area = 0.08, most_area = 1;
  double least_ratio = 3.0 / 4, most_ratio = 4.0 / 3;
};

/// A part of random place, area (uniform) and ratio (uniform in its logarithm), scaled to
/// `side` x `side`: the crop of Szegedy et al., Going Deeper with Convolutions (CVPR 2015), section
/// 6, drawn in ten tries and a fallback as torchvision's RandomResizedCrop does.
Crop random_crop(ImageSize image, const CropRange& range, std::int64_t side, std::uint64_t seed);

/// The crop as bytes [3, side, side]. Scaled bilinearly with antialiasing, as by PIL and
/// torchvision. Only what the crop shows is scaled: the cost does not grow with `scaled`.
torch::Tensor take(const Image& image, const Crop& crop, std::int64_t side);

}  // namespace deneb::image_folder
