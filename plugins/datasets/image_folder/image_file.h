#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deneb::image_folder {

struct ImageSize {
  std::int64_t width = 0, height = 0;
};

/// RGB pixels, row by row.
struct Image {
  ImageSize size;
  std::vector<std::uint8_t> rgb;
};

/// Decodes a JPEG or PNG file. Gray, CMYK, YCCK and palette images become RGB, transparency is
/// dropped. DataError that begins with `path` for all that is neither or is damaged.
Image decode_image(const std::string& path, const std::string& bytes);

}  // namespace deneb::image_folder
