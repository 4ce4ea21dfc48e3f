#include "plugins/datasets/test_images.h"

#include <png.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

// This needs <cstdio>.
#include <jpeglib.h>

namespace test_images {
namespace {

std::string write_png(const Picture& picture, int flags, int type,
                      const std::vector<std::vector<int>>& colors) {
  const auto fail = [](png_structp, png_const_charp text) { throw std::runtime_error(text); };
  png_structp file = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, nullptr);
  png_infop info = png_create_info_struct(file);
  std::string bytes;
  png_set_write_fn(
      file, &bytes,
      [](png_structp p, png_bytep data, std::size_t count) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), count);
      },
      nullptr);
  png_set_IHDR(file, info, static_cast<png_uint_32>(picture.width),
               static_cast<png_uint_32>(picture.height), (flags & kSixteenBits) ? 16 : 8, type,
               (flags & kInterlaced) ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> palette;
  for (const std::vector<int>& color : colors) {
    palette.push_back({static_cast<png_byte>(color[0]), static_cast<png_byte>(color[1]),
                       static_cast<png_byte>(color[2])});
  }
  if (!palette.empty()) png_set_PLTE(file, info, palette.data(), static_cast<int>(palette.size()));
  png_write_info(file, info);

  std::vector<std::uint8_t> pixels;
  for (const std::uint8_t byte : picture.bytes) {
    pixels.push_back(byte);
    if (flags & kSixteenBits) pixels.push_back(77);
  }
  std::vector<png_bytep> rows;
  for (std::int64_t y = 0; y < picture.height; ++y) {
    rows.push_back(pixels.data() + static_cast<std::int64_t>(pixels.size()) / picture.height * y);
  }
  png_write_image(file, rows.data());
  png_write_end(file, nullptr);
  png_destroy_write_struct(&file, &info);
  return bytes;
}

}  // namespace

Picture::Picture(std::int64_t h, std::int64_t w, std::int64_t c, const Value& value)
    : height(h), width(w), channels(c) {
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t i = 0; i < channels; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(value(y, x, i)));
      }
    }
  }
}

Picture::Picture(std::int64_t h, std::int64_t w, const std::vector<int>& color)
    : Picture(h, w, static_cast<std::int64_t>(color.size()),
              [&color](std::int64_t, std::int64_t, std::int64_t c) {
                return color[static_cast<std::size_t>(c)];
              }) {}

std::string jpeg(const Picture& picture, JpegKind kind) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);  // ends the process on errors
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(picture.width);
  info.image_height = static_cast<JDIMENSION>(picture.height);
  info.input_components = static_cast<int>(picture.channels);
  info.in_color_space = picture.channels == 1   ? JCS_GRAYSCALE
                        : picture.channels == 3 ? JCS_RGB
                                                : JCS_CMYK;
  jpeg_set_defaults(&info);
  if (kind == kYcck) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, 100, TRUE);
  const int sampling = kind == kHalvedColor ? 2 : 1;
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = sampling;
  if (kind == kProgressive) jpeg_simple_progression(&info);
  std::vector<jpeg_scan_info> scans;
  if (kind == kManyScans) {  // of one coefficient each, first without and then with its last bit
    for (int coefficient = 0; coefficient < 64; ++coefficient) {
      scans.push_back({1, {0}, coefficient, coefficient, 0, 1});
      scans.push_back({1, {0}, coefficient, coefficient, 1, 0});
    }
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  for (std::int64_t y = 0; y < picture.height; ++y) {
    auto* row = const_cast<JSAMPROW>(picture.bytes.data() + y * picture.width * picture.channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const std::string bytes(reinterpret_cast<char*>(data), size);
  std::free(data);
  return bytes;
}

std::string png(const Picture& picture, int flags) {
  static constexpr int kTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                   PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  return write_png(picture, flags, kTypes[picture.channels - 1], {});
}

std::string palette_png(const Picture& picture, const std::vector<std::vector<int>>& colors) {
  return write_png(picture, 0, PNG_COLOR_TYPE_PALETTE, colors);
}

}  // namespace test_images
