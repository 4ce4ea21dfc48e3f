#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// For tests and unusual streams; the defaults ask the stream and the environment.
struct ProgressSettings {
  std::optional<bool> terminal;   ///< unset: isatty() of the stream, and TERM is not "dumb"
  std::optional<bool> color;      ///< unset: on a terminal where NO_COLOR is not set
  std::function<double()> clock;  ///< seconds of a clock that never goes back; unset: the system's
};

/// Shows how far a loop is. On a terminal: one line that is drawn over, with a bar, the share, the
/// time left and a text, as wide as the terminal. Elsewhere (a file, a pipe): a line at the start,
/// whenever another tenth is done or 30 s have passed, and at the end. Thread-safe. The stream must
/// outlive the object; errors of the stream are ignored, a progress display must not end a run.
class DENEB_API Progress {
 public:
  /// `total` <= 0: unknown; then no bar and no time left.
  Progress(std::string title, std::int64_t total, std::FILE* stream,
           ProgressSettings settings = {});
  /// finish().
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of `total` are done by now. What was done before the first call (a resumed run) does
  /// not count for the time left. May be called as often as one likes.
  void advance(std::int64_t done, const std::string& text = "");
  /// A line of its own, above the bar.
  void print(const std::string& line);
  /// Draws the last state and ends the line. Later calls of advance() do nothing.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "0:07", "12:45", "3:02:10".
DENEB_API std::string duration_text(double seconds);

}  // namespace deneb
