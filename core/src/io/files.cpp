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

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  static std::atomic<unsigned> count{0};  // two threads may write the same file
  const fs::path target(path);
  if (target.has_parent_path()) make_directories(target.parent_path().string());
  temporary_ = path + ".tmp" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("creating the file");
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close();
  ::unlink(temporary_.c_str());
}

void AtomicFile::append(const void* bytes, std::size_t size) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = ::write(fd_, next, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("writing");
    next += n;
    size -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  // EINVAL: the file system does not know fsync.
  if (::fsync(fd_) != 0 && errno != EINVAL) fail("flushing to disk");
  close();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary_.c_str());
    throw WriteError(path_ + ": replacing the file failed (" + reason + "); choose another path");
  }
  flush_directory(fs::path(path_).parent_path());
}

void AtomicFile::fail(const char* what) const {
  throw WriteError(path_ + ": " + what + " failed (" + std::strerror(errno) +
                   "); free some space or choose another folder");
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
