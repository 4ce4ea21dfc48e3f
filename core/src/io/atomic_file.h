#pragma once

#include <cstddef>
#include <string>

namespace deneb::detail {

/// A file that is written piece by piece beside its target and takes the target's place when it is
/// whole. WriteError when the system refuses; the old file stays until commit().
class AtomicFile {
 public:
  /// Creates missing parent folders.
  explicit AtomicFile(const std::string& path);
  /// Without commit() nothing of it stays.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(const void* bytes, std::size_t size);
  /// Flushes to disk and renames. Nothing may be appended after it.
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;
  void close();

  std::string path_, temporary_;
  int fd_ = -1;
};

}  // namespace deneb::detail
