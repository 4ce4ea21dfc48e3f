#pragma once

#include <exception>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Whether memory ran out: std::bad_alloc, or an allocator of LibTorch, on any device.
DENEB_API bool is_out_of_memory(const std::exception& error);

/// What an exception says, for people: out of memory with what helps against it, errors of LibTorch
/// without their backtrace, others as they are.
DENEB_API std::string failure_text(const std::exception& error);

}  // namespace deneb
