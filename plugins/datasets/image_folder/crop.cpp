#include "crop.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

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

// Scales `from` pixels to `to`, of which it makes `count` from `begin` on: only those inputs are
// looked at that these need. A triangle around the output's middle, as wide as two outputs where
// the image becomes smaller, two inputs otherwise, cut and normalized at the edges.
class Filter {
 public:
  Filter(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t count) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double reach = std::max(scale, 1.0);
    for (std::int64_t i = begin; i < begin + count; ++i) {
      const double middle = scale * (static_cast<double>(i) + 0.5);
      const std::int64_t first =
          std::max<std::int64_t>(static_cast<std::int64_t>(middle - reach + 0.5), 0);
      const std::int64_t last = std::min(static_cast<std::int64_t>(middle + reach + 0.5), from);
      const std::size_t at = weights_.size();
      double sum = 0;
      for (std::int64_t x = first; x < last; ++x) {
        const double off = std::abs(static_cast<double>(x) + 0.5 - middle) / reach;
        weights_.push_back(static_cast<float>(std::max(1 - off, 0.0)));
        sum += weights_.back();
      }
      for (std::size_t k = at; k < weights_.size(); ++k) {
        weights_[k] = static_cast<float>(weights_[k] / sum);
      }
      outputs_.push_back({first, last, at});
    }
  }

  /// The inputs that are needed.
  std::int64_t begin() const { return outputs_.front().first; }
  std::int64_t end() const { return outputs_.back().last; }

  /// A row of RGB pixels that begins with input 0.
  void scale_row(const std::uint8_t* rgb, float* scaled) const {
    for (const Output& output : outputs_) {
      const float* weight = weights_.data() + output.weights;
      float red = 0, green = 0, blue = 0;
      for (std::int64_t x = output.first; x < output.last; ++x, ++weight) {
        red += *weight * static_cast<float>(rgb[3 * x]);
        green += *weight * static_cast<float>(rgb[3 * x + 1]);
        blue += *weight * static_cast<float>(rgb[3 * x + 2]);
      }
      *scaled++ = red;
      *scaled++ = green;
      *scaled++ = blue;
    }
  }

  /// Output `y` of rows that begin with input begin().
  void sum_rows(std::int64_t y, const float* rows, std::vector<float>& sum) const {
    const Output& output = outputs_[static_cast<std::size_t>(y)];
    const float* weight = weights_.data() + output.weights;
    const float* row = rows + static_cast<std::size_t>(output.first - begin()) * sum.size();
    std::fill(sum.begin(), sum.end(), 0.f);
    for (std::int64_t x = output.first; x < output.last; ++x, ++weight, row += sum.size()) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += *weight * row[i];
    }
  }

 private:
  struct Output {
    std::int64_t first, last;  // inputs [first, last)
    std::size_t weights;       // place of the first one's weight
  };
  std::vector<Output> outputs_;
  std::vector<float> weights_;
};

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
  const Filter across(crop.part.width, crop.scaled.width, crop.column, side);
  const Filter down(crop.part.height, crop.scaled.height, crop.row, side);
  // The rows that are needed, scaled across; then the rows of the crop of them.
  const auto length = static_cast<std::size_t>(3 * side);
  const std::int64_t rows = down.end() - down.begin();
  std::vector<float> scaled(static_cast<std::size_t>(rows) * length);
  for (std::int64_t y = 0; y < rows; ++y) {
    const std::int64_t from = crop.top + down.begin() + y;
    across.scale_row(image.rgb.data() + 3 * (from * image.size.width + crop.left),
                     scaled.data() + static_cast<std::size_t>(y) * length);
  }
  torch::Tensor bytes = torch::empty({3, side, side}, torch::kUInt8);
  std::uint8_t* planes = bytes.data_ptr<std::uint8_t>();
  std::vector<float> row(length);
  for (std::int64_t y = 0; y < side; ++y) {
    down.sum_rows(y, scaled.data(), row);
    for (std::int64_t i = 0; i < 3 * side; ++i) {
      const float value = std::clamp(std::nearbyint(row[static_cast<std::size_t>(i)]), 0.f, 255.f);
      planes[i % 3 * side * side + y * side + i / 3] = static_cast<std::uint8_t>(value);
    }
  }
  return bytes;
}

}  // namespace deneb::image_folder
