#include "image_file.h"

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

// These need <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include <deneb/errors.h>

namespace deneb::image_folder {
namespace {

// A damaged header can state any size; this many pixels take 600 MB.
constexpr std::int64_t kMostPixels = 200000000;
// Deflate, which PNG uses, makes no more of a byte.
constexpr std::int64_t kMostInflated = 1032;
// Every block of 8 x 8 pixels takes a bit at least where a JPEG file is coded by Huffman's method.
constexpr std::int64_t kMostPixelsPerByte = 8 * 64;
// Files have about ten. Each one costs the time of a whole image, however few bytes it has.
constexpr int kMostScans = 100;

[[noreturn]] void throw_damaged(const std::string& path, const std::string& what) {
  throw DataError(path + ": " + what + "; put an intact copy there, or remove the file");
}

void check_size(const std::string& path, ImageSize size) {
  if (size.width * size.height > kMostPixels) {
    throw_damaged(path, "states a size of " + std::to_string(size.width) + " x " +
                            std::to_string(size.height) + " pixels, at most " +
                            std::to_string(kMostPixels) + " pixels are read");
  }
}

// Before memory is taken: `most` pixels are the most that the file's bytes can hold.
void check_content(const std::string& path, ImageSize size, std::int64_t most) {
  if (size.width * size.height > most) {
    throw_damaged(path, "states a size of " + std::to_string(size.width) + " x " +
                            std::to_string(size.height) + " pixels, more than its bytes can hold");
  }
}

std::vector<std::uint8_t> make_pixels(ImageSize size) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size.width * size.height));
}

// Both libraries end a failed call by longjmp. So each call runs in a lambda without objects that
// would have to be destroyed.
struct Failure {
  std::jmp_buf back;
  char text[JMSG_LENGTH_MAX] = "";

  template <class Calls>
  bool guard(const Calls& calls) {
    if (setjmp(back) != 0) return false;
    calls();
    return true;
  }
};

struct JpegErrors {
  jpeg_error_mgr manager;  // must come first: libjpeg knows its address only
  Failure failure;
};

[[noreturn]] void fail_jpeg(j_common_ptr jpeg) {
  Failure& failure = reinterpret_cast<JpegErrors*>(jpeg->err)->failure;
  jpeg->err->format_message(jpeg, failure.text);
  std::longjmp(failure.back, 1);
}

// Warnings (level -1) tell of pixels that had to be made up, so they are damage. Two are harmless,
// and ImageNet has files with the first: unused bytes between two segments, and an unknown revision
// of the JFIF header.
void on_jpeg_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR) return;
  fail_jpeg(jpeg);
}

void count_scans(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMostScans) return;
  Failure& failure = reinterpret_cast<JpegErrors*>(jpeg->err)->failure;
  std::snprintf(failure.text, sizeof failure.text, "more than %d scans", kMostScans);
  std::longjmp(failure.back, 1);
}

class JpegFile {
 public:
  explicit JpegFile(const std::string& path) : path_(path) {
    jpeg_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = fail_jpeg;
    errors_.manager.emit_message = on_jpeg_message;
    progress_.progress_monitor = count_scans;
  }
  ~JpegFile() { jpeg_destroy_decompress(&jpeg_); }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;

  Image decode(const std::string& bytes) {
    guard([&] {
      jpeg_create_decompress(&jpeg_);
      jpeg_.progress = &progress_;
      jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      jpeg_read_header(&jpeg_, TRUE);
    });
    Image image;
    image.size = {jpeg_.image_width, jpeg_.image_height};
    check_size(path_, image.size);
    if (!jpeg_.arith_code) {
      check_content(path_, image.size,
                    kMostPixelsPerByte * static_cast<std::int64_t>(bytes.size()));
    }
    const bool has_ink = jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK;
    jpeg_.out_color_space = has_ink ? JCS_CMYK : JCS_RGB;
    image.rgb = make_pixels(image.size);
    guard([&] { jpeg_start_decompress(&jpeg_); });
    has_ink ? read_inks(image) : read_rgb(image);
    // Up to the end marker: a file without it was cut.
    guard([&] { jpeg_finish_decompress(&jpeg_); });
    return image;
  }

 private:
  template <class Calls>
  void guard(const Calls& calls) {
    if (!errors_.failure.guard(calls)) {
      throw_damaged(path_, std::string("damaged JPEG image (") + errors_.failure.text + ")");
    }
  }

  void read_rgb(Image& image) {
    guard([&] {
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW row =
            image.rgb.data() + 3 * std::size_t{jpeg_.output_width} * jpeg_.output_scanline;
        jpeg_read_scanlines(&jpeg_, &row, 1);
      }
    });
  }

  // Files with four inks are written as Adobe's programs do: 255 means no ink. PIL assumes so, too.
  void read_inks(Image& image) {
    std::vector<std::uint8_t> inks(4 * std::size_t{jpeg_.output_width});
    std::uint8_t* rgb = image.rgb.data();
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = inks.data();
      guard([&] { jpeg_read_scanlines(&jpeg_, &row, 1); });
      for (std::size_t x = 0; x < inks.size(); x += 4) {
        for (std::size_t c = 0; c < 3; ++c) {
          *rgb++ = static_cast<std::uint8_t>((inks[x + c] * inks[x + 3] + 127) / 255);
        }
      }
    }
  }

  const std::string& path_;
  JpegErrors errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
};

struct PngSource {
  const char* at;
  std::size_t left;
};

void read_png_bytes(png_structp png, png_bytep target, std::size_t count) {
  auto& source = *static_cast<PngSource*>(png_get_io_ptr(png));
  if (count > source.left) png_error(png, "ends too early");
  std::memcpy(target, source.at, count);
  source.at += count;
  source.left -= count;
}

[[noreturn]] void fail_png(png_structp png, png_const_charp text) {
  auto& failure = *static_cast<Failure*>(png_get_error_ptr(png));
  std::snprintf(failure.text, sizeof failure.text, "%s", text);
  std::longjmp(failure.back, 1);
}

// Missing or wrong pixels are errors of libpng. Its warnings tell of color profiles and comments,
// which many good files have wrong.
void on_png_warning(png_structp, png_const_charp) {}

// What stands beside the pixels can unpack to gigabytes, and is not needed.
constexpr png_byte kIgnoredChunks[] = "tEXt\0zTXt\0iTXt\0iCCP\0sPLT\0eXIf";

class PngFile {
 public:
  explicit PngFile(const std::string& path) : path_(path) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, fail_png, on_png_warning);
    if (png_) info_ = png_create_info_struct(png_);
  }
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  Image decode(const std::string& bytes) {
    if (!info_) throw std::bad_alloc();
    PngSource source{bytes.data(), bytes.size()};
    guard([&] {
      png_set_read_fn(png_, &source, read_png_bytes);
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kIgnoredChunks,
                                  sizeof(kIgnoredChunks) / 5);
      png_read_info(png_, info_);
    });
    Image image;
    image.size = {png_get_image_width(png_, info_), png_get_image_height(png_, info_)};
    check_size(path_, image.size);
    const std::int64_t bits = png_get_bit_depth(png_, info_) * png_get_channels(png_, info_);
    check_content(path_, image.size,
                  kMostInflated * 8 / bits * static_cast<std::int64_t>(bytes.size()));
    guard([&] {
      png_set_expand(png_);
      png_set_strip_16(png_);
      png_set_gray_to_rgb(png_);
      png_set_strip_alpha(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    image.rgb = make_pixels(image.size);
    std::vector<png_bytep> rows;
    for (std::int64_t y = 0; y < image.size.height; ++y) {
      rows.push_back(image.rgb.data() + 3 * image.size.width * y);
    }
    guard([&] {
      if (png_get_rowbytes(png_, info_) != 3 * std::size_t{png_get_image_width(png_, info_)}) {
        png_error(png_, "does not become RGB");
      }
      png_read_image(png_, rows.data());
      png_read_end(png_, nullptr);
    });
    return image;
  }

 private:
  template <class Calls>
  void guard(const Calls& calls) {
    if (!failure_.guard(calls)) {
      throw_damaged(path_, std::string("damaged PNG image (") + failure_.text + ")");
    }
  }

  const std::string& path_;
  Failure failure_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

bool starts_with(const std::string& bytes, const char* start) {
  return bytes.compare(0, std::strlen(start), start) == 0;
}

}  // namespace

Image decode_image(const std::string& path, const std::string& bytes) {
  // By content: ImageNet has a PNG file whose name ends in .JPEG.
  if (starts_with(bytes, "\xff\xd8\xff")) return JpegFile(path).decode(bytes);
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n")) return PngFile(path).decode(bytes);
  throw_damaged(path, bytes.empty() ? "is empty" : "is neither a JPEG nor a PNG image");
}

}  // namespace deneb::image_folder
