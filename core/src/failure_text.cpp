#include <deneb/failure_text.h>

#include <c10/util/Exception.h>

#include <new>

namespace deneb {
namespace {

// Of LibTorch's errors only some devices' are of a class of their own.
bool says_so(const std::string& text) {
  return text.find("can't allocate memory") != std::string::npos ||
         text.find("out of memory") != std::string::npos;
}

std::string plain_text(const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  return torch ? torch->what_without_backtrace() : error.what();
}

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return true;
  return dynamic_cast<const c10::Error*>(&error) && says_so(plain_text(error));
}

std::string failure_text(const std::exception& error) {
  const std::string text = plain_text(error);
  if (!is_out_of_memory(error)) return text;
  return "out of memory; use a smaller data_loader.batch_size, fewer general.workers or a smaller "
         "network (" +
         text + ")";
}

}  // namespace deneb
