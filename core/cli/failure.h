#pragma once

#include <string>

namespace deneb::cli {

/// An exception as the user sees it.
struct Failure {
  std::string text;
  int exit_code = 1;
  bool interrupted = false;  ///< by SIGINT or SIGTERM
};

/// The exception that is being handled; call it in a catch block.
Failure current_failure();

/// `deneb: error: ...` on standard error.
void print_failure(const Failure& failure);
/// `deneb: warning: ...` on standard error.
void print_warning(const std::string& text);

}  // namespace deneb::cli
