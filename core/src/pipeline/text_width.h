#pragma once

#include <string>

namespace deneb::detail {

/// Characters of a UTF-8 text.
inline std::size_t text_width(const std::string& text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return width;
}

/// The first `width` characters.
inline std::string text_prefix(const std::string& text, std::size_t width) {
  std::size_t i = 0, seen = 0;
  for (; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (starts && seen++ == width) break;
  }
  return text.substr(0, i);
}

}  // namespace deneb::detail
