#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace deneb::detail {

/// The bytes of a file. A regular file is mapped: pages come when they are touched, writes into
/// them stay in this process. The file must not be shortened meanwhile (replacing it by another is
/// fine). Pipes are read as a whole.
class FileMapping {
 public:
  /// DataError as read_file.
  static std::shared_ptr<FileMapping> open(const std::string& path);
  /// The same for bytes that are in memory already.
  static std::shared_ptr<FileMapping> of(std::string bytes);
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::uint64_t size() const { return size_; }

 private:
  FileMapping() = default;

  char* data_ = nullptr;
  std::uint64_t size_ = 0;
  bool is_mapped_ = false;
  std::string bytes_;  // of what is not mapped
};

/// `bytes` bytes at `offset` as a one-dimensional CPU tensor: a view that keeps the mapping alive,
/// or a copy where the address does not suit the type. The caller has checked that they lie within
/// the file, and that they are a whole number of elements.
torch::Tensor view_elements(const std::shared_ptr<FileMapping>& mapping, std::uint64_t offset,
                            std::uint64_t bytes, torch::ScalarType type);

}  // namespace deneb::detail
