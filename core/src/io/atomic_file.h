#pragma once

#include <cstddef>
#include <string>

#include <deneb/errors.h>

namespace deneb::detail {

/// A file that is written piece by piece beside its target and takes the target's place when it is
/// whole; it gets the rights of the file that it replaces. WriteError when the system refuses; the
/// old file stays until commit(). Symbolic links are followed: what they lead to is replaced, not
/// they. What is no file (a pipe, a device), and what is open already (/dev/stdout, /dev/fd/3), is
/// written to directly.
class AtomicFile {
 public:
  /// Creates missing parent folders. Waits for the reader of a named pipe.
  explicit AtomicFile(const std::string& path);
  /// Without commit() nothing of it stays.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(const void* bytes, std::size_t size);
  /// Flushes to disk and renames. Nothing may be appended after it.
  void commit();

 private:
  bool open_directly();
  [[noreturn]] void fail(const char* what) const;
  void close();

  std::string path_;       // as given
  std::string target_;     // where its links lead
  std::string temporary_;  // "" = written to directly
  int fd_ = -1;
};

/// Whether a file of this name is one that an AtomicFile was writing when its process was killed.
DENEB_API bool is_unfinished_file(const std::string& name);

}  // namespace deneb::detail
