#pragma once

#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Keeps large freed blocks in the process: glibc would give every tensor above 32 MB back to the
/// kernel at once and page-fault it in again. Asks for 2 MiB pages where the kernel offers them on
/// request. Call it as the first statement of main().
DENEB_API void tune_allocator();

/// One line for the run log: allocator setting, threads, LibTorch version.
DENEB_API std::string platform_text();

/// CUDA devices that LibTorch can use.
DENEB_API int cuda_devices();

/// Cores of this machine that this process may use, at least 1.
DENEB_API int available_cores();

}  // namespace deneb
