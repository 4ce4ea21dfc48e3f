#pragma once

#include <stdexcept>
#include <string>

/// Exports a symbol from libdeneb; everything else in the library is hidden.
#define DENEB_API __attribute__((visibility("default")))

namespace deneb {

/// Exit codes of the `deneb` program. 130 and 143 are 128 + SIGINT/SIGTERM.
enum ExitCode {
  kExitOk = 0,
  kExitRun = 1,
  kExitConfig = 2,
  kExitPlugin = 3,
  kExitData = 4,
};

/// Base of every error that Deneb reports. The text says where, what was found, what was expected
/// and what to do. Plugins throw these or std exceptions; the program turns them into exit codes.
class DENEB_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, int exit_code = kExitRun)
      : std::runtime_error(what), exit_code_(exit_code) {}
  ~Error() override;
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// A pipeline file, policy file or option is wrong (exit 2).
class DENEB_API ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& what) : Error(what, kExitConfig) {}
  ~ConfigError() override;
};

/// A plugin cannot be loaded, is unknown, or broke its contract (exit 3).
class DENEB_API PluginError : public Error {
 public:
  explicit PluginError(const std::string& what) : Error(what, kExitPlugin) {}
  ~PluginError() override;
};

/// Data or weights are missing or damaged (exit 4).
class DENEB_API DataError : public Error {
 public:
  explicit DataError(const std::string& what) : Error(what, kExitData) {}
  ~DataError() override;
};

/// Something failed while running: too many failed trials, disk full, ... (exit 1).
class DENEB_API RunError : public Error {
 public:
  explicit RunError(const std::string& what) : Error(what, kExitRun) {}
  ~RunError() override;
};

/// The user asked to stop (SIGINT or SIGTERM); all finished work is stored (exit 128 + signal).
class DENEB_API Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error("interrupted", 128 + signal) {}
  ~Interrupted() override;
};

}  // namespace deneb
