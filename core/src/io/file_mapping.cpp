#include "io/file_mapping.h"

#include <deneb/io/files.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace deneb::detail {

std::shared_ptr<FileMapping> FileMapping::open(const std::string& path) {
  std::shared_ptr<FileMapping> mapping(new FileMapping);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd >= 0 && ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0) {
    const auto size = static_cast<std::size_t>(facts.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (data != MAP_FAILED) {
      mapping->data_ = static_cast<char*>(data);
      mapping->size_ = size;
      mapping->is_mapped_ = true;
    }
  }
  if (fd >= 0) ::close(fd);
  return mapping->is_mapped_ ? mapping : of(read_file(path));
}

std::shared_ptr<FileMapping> FileMapping::of(std::string bytes) {
  std::shared_ptr<FileMapping> mapping(new FileMapping);
  mapping->bytes_ = std::move(bytes);
  mapping->data_ = mapping->bytes_.data();
  mapping->size_ = mapping->bytes_.size();
  return mapping;
}

FileMapping::~FileMapping() {
  if (is_mapped_) ::munmap(data_, size_);
}

torch::Tensor view_elements(const std::shared_ptr<FileMapping>& mapping, std::uint64_t offset,
                            std::uint64_t bytes, torch::ScalarType type) {
  const std::size_t element = c10::elementSize(type);
  const auto count = static_cast<std::int64_t>(bytes / element);
  const torch::TensorOptions options = torch::TensorOptions().dtype(type);
  if (count == 0) return torch::empty({0}, options);
  char* address = mapping->data() + offset;
  if (reinterpret_cast<std::uintptr_t>(address) % element != 0) {
    torch::Tensor copy = torch::empty({count}, options);
    std::memcpy(copy.data_ptr(), address, bytes);
    return copy;
  }
  return at::from_blob(
      address, {count}, [mapping](void*) {}, options);
}

}  // namespace deneb::detail
