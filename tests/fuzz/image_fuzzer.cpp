#include <cstring>

#include "fuzz.h"
#include "io/zip_archive.h"
#include "plugins/datasets/image_folder/crop.h"
#include "plugins/datasets/image_folder/image_file.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

constexpr std::size_t kPngStart = 8;

std::uint32_t big_endian(const std::uint8_t* at) {
  return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 |
         at[3];
}

// Makes the checksums of a PNG file's chunks right, which no mutation hits by chance.
void mend_checksums(std::uint8_t* data, std::size_t size) {
  if (size < kPngStart || std::memcmp(data, "\x89PNG", 4) != 0) return;
  for (std::size_t at = kPngStart; size - at >= 12;) {
    const std::size_t length = big_endian(data + at);
    if (length > size - at - 12) return;
    const std::uint32_t crc =
        deneb::detail::crc32(reinterpret_cast<const char*>(data + at + 4), length + 4);
    for (std::size_t i = 0; i < 4; ++i)
      data[at + 8 + length + i] = std::uint8_t(crc >> (24 - 8 * i));
    at += length + 12;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) mend_checksums(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deneb;
  using namespace deneb::image_folder;
  constexpr std::int64_t kSide = 8, kResize = 9;
  fuzz::read_or_refuse<DataError>("input: ", [&] {
    const Image image = decode_image("input", fuzz::bytes_of(data, size));
    fuzz::require(image.size.width > 0 && image.size.height > 0, "an image has pixels");
    fuzz::require(std::int64_t(image.rgb.size()) == 3 * image.size.width * image.size.height,
                  "three bytes a pixel");
    for (const Crop& crop : {center_crop(image.size, kResize, kSide),
                             random_crop(image.size, CropRange(), kSide, size)}) {
      const torch::Tensor seen = take(image, crop, kSide);
      fuzz::require(seen.sizes() == torch::IntArrayRef({3, kSide, kSide}), "a crop has its size");
    }
  });
  return 0;
}
