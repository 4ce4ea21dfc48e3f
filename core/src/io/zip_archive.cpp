#include "io/zip_archive.h"

#include <deneb/errors.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace deneb::detail {
namespace {

// Field offsets and signatures: PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 to 4.3.16 and 4.5.3.
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::uint64_t kEndSize = 22, kLocatorSize = 20, kEnd64Size = 56, kCentralSize = 46,
                        kLocalSize = 30, kMostComment = 0xffff;

class Directory {
 public:
  Directory(const std::string& path, const FileMapping& bytes) : path_(path), bytes_(bytes) {}

  std::map<std::string, ZipRecord> read() {
    find_extent();
    std::map<std::string, ZipRecord> records;
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < count_; ++i) {
      std::string name;
      const ZipRecord record = read_entry(&name);
      // Else a small archive could hold any number of large files, all in one place.
      total += record.size;
      if (total > bytes_.size()) fail("has files that overlap");
      if (!records.emplace(name, record).second) fail("names '" + name + "' twice");
    }
    return records;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(path_ + ": the zip archive " + what +
                    "; the file is damaged or cut, fetch or write it again");
  }
  bool fits(std::uint64_t at, std::uint64_t size) const {
    return at <= bytes_.size() && size <= bytes_.size() - at;
  }
  // Little-endian.
  std::uint64_t number(std::uint64_t at, std::uint64_t size) const {
    if (!fits(at, size)) fail("ends within its directory");
    std::uint64_t value = 0;
    for (std::uint64_t i = size; i-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(bytes_.data()[at + i]);
    }
    return value;
  }
  bool is_signed(std::uint64_t at, std::uint32_t signature) const {
    return fits(at, 4) && number(at, 4) == signature;
  }

  // Where the central directory lies and how many entries it has.
  void find_extent() {
    if (bytes_.size() < kEndSize) fail("is too short");
    std::uint64_t end = bytes_.size() - kEndSize;
    const std::uint64_t first = end - std::min(end, kMostComment);
    while (!is_signed(end, kEnd)) {
      if (end == first) fail("has no directory at its end");
      --end;
    }
    count_ = number(end + 10, 2);
    at_ = number(end + 16, 4);
    if (end < kLocatorSize || !is_signed(end - kLocatorSize, kLocator64)) return;
    const std::uint64_t end64 = number(end - kLocatorSize + 8, 8);
    if (!fits(end64, kEnd64Size) || !is_signed(end64, kEnd64)) fail("has no Zip64 directory");
    count_ = number(end64 + 32, 8);
    at_ = number(end64 + 48, 8);
  }

  ZipRecord read_entry(std::string* name) {
    if (!fits(at_, kCentralSize) || !is_signed(at_, kCentral)) fail("has a damaged directory");
    const std::uint64_t flags = number(at_ + 8, 2), method = number(at_ + 10, 2);
    ZipRecord record;
    record.crc = static_cast<std::uint32_t>(number(at_ + 16, 4));
    std::uint64_t stored = number(at_ + 20, 4), size = number(at_ + 24, 4);
    const std::uint64_t name_size = number(at_ + 28, 2), extra_size = number(at_ + 30, 2);
    const std::uint64_t comment_size = number(at_ + 32, 2);
    std::uint64_t local = number(at_ + 42, 4);
    const std::uint64_t name_at = at_ + kCentralSize, extra_at = name_at + name_size;
    if (!fits(name_at, name_size + extra_size)) fail("ends within its directory");
    name->assign(bytes_.data() + name_at, name_size);
    read_zip64(extra_at, extra_size, {&size, &stored, &local});
    at_ = extra_at + extra_size + comment_size;
    if (flags & 1) fail("is encrypted");
    if (!is_signed(local, kLocal)) fail("has no file '" + *name + "' where it should be");
    record.offset = local + kLocalSize + number(local + 26, 2) + number(local + 28, 2);
    record.size = stored;
    record.is_compressed = method != 0;
    if (!fits(record.offset, record.size)) fail("ends within '" + *name + "'");
    if (!record.is_compressed && size != stored) fail("has two sizes for '" + *name + "'");
    return record;
  }

  // Sizes that do not fit into 32 bits stand in an extra field, in this order.
  void read_zip64(std::uint64_t at, std::uint64_t size,
                  const std::array<std::uint64_t*, 3>& values) const {
    const std::uint64_t end = at + size;
    while (at + 4 <= end) {
      const std::uint64_t id = number(at, 2), length = number(at + 2, 2);
      at += 4;
      if (id == 1) {
        std::uint64_t field = at;
        for (std::uint64_t* value : values) {
          if (*value != std::numeric_limits<std::uint32_t>::max()) continue;
          if (field + 8 > std::min(at + length, end)) fail("has a damaged Zip64 field");
          *value = number(field, 8);
          field += 8;
        }
      }
      at += length;
    }
  }

  const std::string& path_;
  const FileMapping& bytes_;
  std::uint64_t at_ = 0, count_ = 0;
};

// Tables for eight bytes at a time: table[k][b] is the remainder of b followed by k zero bytes.
std::array<std::array<std::uint32_t, 256>, 8> crc_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 255];
    }
  }
  return tables;
}

}  // namespace

std::map<std::string, ZipRecord> read_zip_directory(const std::string& path,
                                                    const FileMapping& bytes) {
  return Directory(path, bytes).read();
}

std::uint32_t crc32(const char* bytes, std::uint64_t size) {
  static const auto tables = crc_tables();
  const auto* next = reinterpret_cast<const unsigned char*>(bytes);
  std::uint32_t crc = ~0u;
  for (; size >= 8; size -= 8, next += 8) {
    crc ^= std::uint32_t(next[0]) | std::uint32_t(next[1]) << 8 | std::uint32_t(next[2]) << 16 |
           std::uint32_t(next[3]) << 24;
    crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
          tables[4][crc >> 24] ^ tables[3][next[4]] ^ tables[2][next[5]] ^ tables[1][next[6]] ^
          tables[0][next[7]];
  }
  for (; size > 0; --size, ++next) crc = crc >> 8 ^ tables[0][(crc ^ *next) & 255];
  return ~crc;
}

}  // namespace deneb::detail
