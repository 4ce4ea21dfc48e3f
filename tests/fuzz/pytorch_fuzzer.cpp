#include <cstring>

#include "fuzz.h"
#include "io/tensor_formats.h"
#include "io/zip_archive.h"
#include "tensors.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

std::uint64_t little_endian(const std::uint8_t* at, int bytes) {
  std::uint64_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

// Makes the checksums of the directory right, which no mutation hits by chance.
void mend_checksums(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kCentral = 46, kLocal = 30;
  for (std::size_t at = 0; at + kCentral <= size; ++at) {
    if (std::memcmp(data + at, "PK\x01\x02", 4) != 0) continue;
    const std::uint64_t length = little_endian(data + at + 20, 4);
    const std::uint64_t local = little_endian(data + at + 42, 4);
    if (local + kLocal > size) continue;
    const std::uint64_t begin =
        local + kLocal + little_endian(data + local + 26, 2) + little_endian(data + local + 28, 2);
    if (begin > size || length > size - begin) continue;
    const std::uint32_t crc =
        deneb::detail::crc32(reinterpret_cast<const char*>(data + begin), length);
    for (std::size_t i = 0; i < 4; ++i) data[at + 16 + i] = std::uint8_t(crc >> (8 * i));
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
  namespace detail = deneb::detail;
  namespace fuzz = deneb::fuzz;
  using deneb::DataError;
  using deneb::WeightCheck;
  const auto mapping = detail::FileMapping::of(fuzz::bytes_of(data, size));
  if (!detail::is_pytorch_file(*mapping)) return -1;
  for (const WeightCheck check : {WeightCheck::kData, WeightCheck::kHeaders}) {
    fuzz::read_or_refuse<DataError>(
        "input: ", [&] { fuzz::touch(detail::read_pytorch("input", mapping, check)); });
  }
  return 0;
}
