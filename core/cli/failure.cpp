#include "failure.h"

#include <deneb/failure_text.h>

#include <iostream>
#include <sstream>

namespace deneb::cli {
namespace {

void print_lines(const std::string& prefix, const std::string& text) {
  std::istringstream in(text);
  std::string lines;
  for (std::string line; std::getline(in, line);) lines += prefix + line + "\n";
  std::cout.flush();  // what came before stays before
  std::cerr << (lines.empty() ? prefix + "\n" : lines) << std::flush;
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Interrupted& e) {
    return {e.what(), e.exit_code(), true};
  } catch (const Error& e) {
    return {e.what(), e.exit_code()};
  } catch (const std::exception& e) {
    return {failure_text(e), kExitRun};
  } catch (...) {
    return {"an exception of unknown type; probably a plugin threw it", kExitRun};
  }
}

void print_failure(const Failure& failure) {
  print_lines(failure.interrupted ? "deneb: " : "deneb: error: ", failure.text);
}

void print_warning(const std::string& text) { print_lines("deneb: warning: ", text); }

}  // namespace deneb::cli
