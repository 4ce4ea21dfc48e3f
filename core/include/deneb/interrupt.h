#pragma once

#include <deneb/errors.h>

namespace deneb {

/// SIGINT and SIGTERM set a flag that long loops poll; a second signal ends the process at once.
DENEB_API void install_signal_handlers();
/// Number of the signal that asked to stop, or 0. Async-signal-safe, thread-safe.
DENEB_API int stop_signal();
/// Throws Interrupted when a stop was asked for.
DENEB_API void throw_if_stopping();

}  // namespace deneb
