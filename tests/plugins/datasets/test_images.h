#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Images made by tests, as files in memory.
namespace test_images {

/// Rows of pixels, `channels` bytes each.
struct Picture {
  std::int64_t height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> bytes;

  using Value = std::function<int(std::int64_t y, std::int64_t x, std::int64_t channel)>;
  Picture(std::int64_t height, std::int64_t width, std::int64_t channels, const Value& value);
  /// One color.
  Picture(std::int64_t height, std::int64_t width, const std::vector<int>& color);
};

/// Variants of a JPEG file. Four channels are written as CMYK or YCCK, with 255 = no ink.
enum JpegKind {
  kPlain,
  kProgressive,
  kHalvedColor /* 4:2:0 */,
  kYcck,
  kManyScans /* gray, 128 of them */
};
/// Of quality 100.
std::string jpeg(const Picture& picture, JpegKind kind = kPlain);

enum PngFlag {
  kInterlaced = 1,
  kSixteenBits = 2 /* each byte becomes the upper half of a value */
};
/// Channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
std::string png(const Picture& picture, int flags = 0);
/// The one channel is an index into these RGB colors.
std::string palette_png(const Picture& picture, const std::vector<std::vector<int>>& colors);

}  // namespace test_images
