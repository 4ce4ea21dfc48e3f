#pragma once

#include <deneb/errors.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "scratch_folder.h"

/// What the harnesses share. A harness is one file with a LLVMFuzzerTestOneInput that hands the
/// input to a reader: the reader returns, or throws the error that it promises. Everything else
/// ends the process, and libFuzzer keeps the input.
namespace deneb::fuzz {

inline std::string bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

/// Ends the process when a promise is broken.
inline void require(bool holds, const char* promise, const std::string& found = "") {
  if (holds) return;
  std::fprintf(stderr, "broken: %s%s%s\n", promise,
               found.empty() ? "" : "; found: ", found.c_str());
  std::abort();
}

/// Calls `read`, which may refuse by an Expected whose text begins with `begin`. False if it did.
template <class Expected, class Read>
bool read_or_refuse(const std::string& begin, const Read& read) {
  try {
    read();
    return true;
  } catch (const Expected& error) {
    const std::string text = error.what();
    require(text.compare(0, begin.size(), begin) == 0, "an error begins with the file's name",
            text);
    return false;
  }
}

/// A file of this process that is written anew for every input, in memory where the system has a
/// folder for that.
class InputFile {
 public:
  /// `name` may have folders, which are made.
  explicit InputFile(const std::string& name) : path_(folder() / name) {
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  }

  const std::string& path() const { return path_; }
  void write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  static const ScratchFolder& folder() {
    static const std::unique_ptr<ScratchFolder> scratch = [] {
      if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", /*replace=*/0);
      return std::make_unique<ScratchFolder>();
    }();
    return *scratch;
  }

  std::string path_;
};

}  // namespace deneb::fuzz
