#pragma once

#include <cstdint>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Where a run talks to its user. The program's console prints and keeps run.log; tests use a
/// silent one. Thread-safe.
class DENEB_API Console {
 public:
  virtual ~Console();
  /// One line: on the console and in run.log. `stage`: the step, or "run".
  virtual void log(const std::string& level, const std::string& stage, const std::string& text) = 0;
  /// Plain output: tables.
  virtual void print(const std::string& text) = 0;
  /// Progress of the running loop; total <= 0 = unknown.
  virtual void progress(const std::string& stage, std::int64_t done, std::int64_t total,
                        const std::string& text) = 0;
};

}  // namespace deneb
