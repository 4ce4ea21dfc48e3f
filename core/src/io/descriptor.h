#pragma once

#include <optional>
#include <string>

/// Reading and writing of descriptors where signals may interrupt.
namespace deneb::detail {

/// False when the other end is gone or the descriptor fails.
bool write_all(int fd, const std::string& text);
/// What is there, at least a byte; "" at the end or when the descriptor fails; nothing when a
/// signal came first.
std::optional<std::string> read_some(int fd);

/// Lines of a descriptor, without their ends.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  /// Nothing at the end of input; a last line without an end is left out.
  std::optional<std::string> next();

 private:
  int fd_;
  std::string buffer_;
};

}  // namespace deneb::detail
