#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "io/file_mapping.h"

namespace deneb::detail {

/// A file in a zip archive.
struct ZipRecord {
  std::uint64_t offset = 0, size = 0;  ///< of its bytes in the archive
  std::uint32_t crc = 0;
  bool is_compressed = false;  ///< `offset` and `size` are then of the compressed bytes
};

/// The files of a zip archive (also Zip64) by name, every length checked against the archive.
/// DataError names `path`.
std::map<std::string, ZipRecord> read_zip_directory(const std::string& path,
                                                    const FileMapping& bytes);

/// CRC-32 as zip uses it.
std::uint32_t crc32(const char* bytes, std::uint64_t size);

}  // namespace deneb::detail
