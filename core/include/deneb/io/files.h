#pragma once

#include <string>

#include <deneb/errors.h>

namespace deneb {

/// A file or folder could not be written: a full disk, missing rights. Nothing that was there is
/// lost.
class DENEB_API WriteError : public RunError {
 public:
  explicit WriteError(const std::string& what) : RunError(what) {}
  ~WriteError() override;
};

/// Letters, digits, `_`, `-` and `.`, not beginning with `.` or `-`: a name that stays within its
/// folder.
DENEB_API bool is_plain_file_name(const std::string& name);

/// Whole file as bytes; DataError naming the file when it is missing, a directory or unreadable.
DENEB_API std::string read_file(const std::string& path);

/// Writes beside the target, flushes to disk and renames: a reader sees the old file or the new
/// one, never a part. Creates missing parent folders. WriteError (with the system's reason, such as
/// a full disk) leaves the old file untouched. Symbolic links stay, and what they lead to is
/// written; so are, directly, pipes, devices and descriptors (/dev/stdout). Waits for the reader of
/// a named pipe; Interrupted when a stop is asked for meanwhile.
DENEB_API void write_file_atomically(const std::string& path, const std::string& bytes);

/// Creates a folder and its parents; WriteError when that fails.
DENEB_API void make_directories(const std::string& path);

/// WriteError unless a file can be created in the (created) folder.
DENEB_API void check_writable(const std::string& directory);

}  // namespace deneb
