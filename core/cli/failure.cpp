#include "failure.h"

#include <c10/util/Exception.h>
#include <deneb/errors.h>

#include <iostream>
#include <new>
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
  } catch (const c10::Error& e) {
    return {std::string("LibTorch: ") + e.what_without_backtrace(), kExitRun};
  } catch (const std::bad_alloc&) {
    return {
        "out of memory; use a smaller data_loader.batch_size, fewer general.workers or a "
        "smaller network",
        kExitRun};
  } catch (const std::exception& e) {
    return {e.what(), kExitRun};
  } catch (...) {
    return {"an exception of unknown type; probably a plugin threw it", kExitRun};
  }
}

void print_failure(const Failure& failure) {
  print_lines(failure.interrupted ? "deneb: " : "deneb: error: ", failure.text);
}

void print_warning(const std::string& text) { print_lines("deneb: warning: ", text); }

}  // namespace deneb::cli
