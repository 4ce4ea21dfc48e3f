#pragma once

#include <string>

#include "session.h"

namespace deneb::cli {

/// What `deneb run` and `deneb resume` share: runs the pipeline in the folder with the terminal as
/// console, prints the folder first and last, and returns the exit code. Failures are printed with
/// the commands that go on.
int run_task(const Session& session, const Pipeline& pipeline, const std::string& folder,
             RunOptions options, bool quiet);

}  // namespace deneb::cli
