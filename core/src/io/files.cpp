#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/atomic_file.h"

namespace deneb {
namespace fs = std::filesystem;
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Makes a rename in the folder survive a power failure, where the file system can.
void flush_directory(const fs::path& directory) {
  const Descriptor folder(directory.empty() ? "." : directory.string(), O_RDONLY | O_DIRECTORY);
  if (folder.is_open()) ::fsync(folder.get());
}

}  // namespace

std::string read_file(const std::string& path) {
  const auto bad = [&path](const char* what) {
    return DataError(path + ": " + what + " (" + std::strerror(errno) +
                     "); check the path and its permissions");
  };
  const Descriptor file(path, O_RDONLY);
  if (!file.is_open()) throw bad("cannot be read");
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) throw bad("cannot be read");
  if (S_ISDIR(facts.st_mode)) throw DataError(path + ": is a directory, expected a file");
  // One byte more, so that the read that fills a file's size is not taken for its end. Pipes and
  // files of /proc have size 0 and grow the buffer.
  std::string bytes(static_cast<std::size_t>(facts.st_size) + 1, '\0');
  std::size_t filled = 0;
  while (true) {
    const ssize_t n = ::read(file.get(), &bytes[filled], bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw bad("reading failed");
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
    if (filled == bytes.size()) bytes.resize(2 * bytes.size() + 4096);
  }
  bytes.resize(filled);
  return bytes;
}

WriteError::~WriteError() = default;

namespace detail {
namespace {

constexpr const char* kUnfinished = ".deneb-tmp";  // <file>.deneb-tmp<process>-<count>

// Number of the descriptor that a path such as /dev/stdout or /dev/fd/3 leads to, or -1. They are
// links into /proc/self/fd.
int own_descriptor(const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path.parent_path(), error);
  if (error || folder != fs::canonical("/proc/self/fd", error) || error) return -1;
  const std::string name = path.filename().string();
  const bool number =
      !name.empty() && name.size() < 8 && name.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::stoi(name) : -1;
}

constexpr int kMaxLinks = 40;  // as Linux

}  // namespace

bool is_unfinished_file(const std::string& name) {
  const std::size_t at = name.rfind(kUnfinished);
  if (at == std::string::npos || at == 0) return false;
  const std::string rest = name.substr(at + std::strlen(kUnfinished));
  const std::size_t dash = rest.find('-');
  return dash != std::string::npos && dash > 0 && dash + 1 < rest.size() &&
         rest.find_first_not_of("0123456789-") == std::string::npos &&
         rest.find('-', dash + 1) == std::string::npos;
}

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  static std::atomic<unsigned> count{0};  // two threads may write the same file
  if (open_directly()) return;
  const fs::path target(target_);
  if (target.has_parent_path()) make_directories(target.parent_path().string());
  temporary_ = target_ + kUnfinished + std::to_string(::getpid()) + "-" + std::to_string(count++);
  struct stat old {};
  const bool replaces = ::stat(target_.c_str(), &old) == 0 && S_ISREG(old.st_mode);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("creating the file");
  if (replaces) ::fchmod(fd_, old.st_mode & 0777);
}

// Follows links up to the target; true when that is to be written to as it is.
bool AtomicFile::open_directly() {
  for (int links = 0;; ++links) {
    const fs::path path(target_);
    if (const int descriptor = own_descriptor(path); descriptor >= 0) {
      // A second descriptor of the same open file keeps its place, also behind `>>`.
      fd_ = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
      if (fd_ < 0) fail("opening");
      return true;
    }
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(path, error))) break;
    if (links == kMaxLinks) {
      errno = ELOOP;
      fail("following the link");
    }
    const fs::path next = fs::read_symlink(path, error);
    if (error) {
      errno = error.value();
      fail("following the link");
    }
    target_ = (path.parent_path() / next).string();
  }
  struct stat facts {};
  if (::stat(target_.c_str(), &facts) != 0 || S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)) {
    return false;
  }
  while ((fd_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY)) < 0) {
    if (errno != EINTR) fail("opening");
    throw_if_stopping();
  }
  return true;
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::append(const void* bytes, std::size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::write(fd_, next, size);
    if (n < 0 && errno == EINTR) {
      if (temporary_.empty()) throw_if_stopping();  // the reader of a pipe may never go on
      continue;
    }
    if (n < 0) fail("writing");
    next += n;
    size -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  // EINVAL: the file system, or the device, does not know fsync.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) fail("flushing to disk");
  close();
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary_.c_str());
    throw WriteError(path_ + ": replacing the file failed (" + reason + "); choose another path");
  }
  flush_directory(fs::path(target_).parent_path());
}

void AtomicFile::fail(const char* what) const {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO;
  const char* remedy = code == EPIPE ? "its reader has gone; let it read to the end"
                       : full        ? "free some space or choose another folder"
                                     : "check the path and its permissions, or choose another one";
  throw WriteError(path_ + ": " + what + " failed (" + std::strerror(code) + "); " + remedy);
}

void AtomicFile::close() {
  ::close(fd_);
  fd_ = -1;
}

}  // namespace detail

void write_file_atomically(const std::string& path, const std::string& bytes) {
  detail::AtomicFile file(path);
  file.append(bytes.data(), bytes.size());
  file.commit();
}

void make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path, error)) {
    throw WriteError(path + ": cannot create the folder (" +
                     (error ? error.message() : "a file of that name exists") +
                     "); choose another folder");
  }
}

void check_writable(const std::string& directory) {
  make_directories(directory);
  const std::string probe = directory + "/.write-test" + std::to_string(::getpid());
  write_file_atomically(probe, "x");
  ::unlink(probe.c_str());
}

bool is_plain_file_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace deneb
