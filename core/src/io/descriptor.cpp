#include "io/descriptor.h"

#include <unistd.h>

#include <cerrno>

namespace deneb::detail {

bool write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<std::string> read_some(int fd) {
  char bytes[4096];
  const ssize_t n = ::read(fd, bytes, sizeof(bytes));
  if (n < 0 && errno == EINTR) return std::nullopt;
  return n <= 0 ? std::string() : std::string(bytes, static_cast<std::size_t>(n));
}

std::optional<std::string> LineReader::next() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const std::optional<std::string> more = read_some(fd_);
    if (!more) continue;
    if (more->empty()) return std::nullopt;
    buffer_ += *more;
  }
}

}  // namespace deneb::detail
