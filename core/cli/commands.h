#pragma once

#include <string>
#include <vector>

#include "arguments.h"

namespace deneb::cli {

/// A subcommand. `run` gets the words after its name and returns the exit code; it throws deneb
/// errors, which run_program() prints.
struct Command {
  const char* name;
  const char* summary;  ///< for `deneb --help`; "" = not listed
  int (*run)(const Words& words);
};

/// In the order of `deneb --help`.
const std::vector<Command>& commands();

// One file each.
int run_command(const Words& words);
int resume_command(const Words& words);
int validate_command(const Words& words);
int report_command(const Words& words);
int compare_command(const Words& words);
int evaluate_command(const Words& words);
int convert_command(const Words& words);
int inspect_command(const Words& words);
int plugins_command(const Words& words);
int describe_command(const Words& words);
int schema_command(const Words& words);
int version_command(const Words& words);
int trial_worker_command(const Words& words);

}  // namespace deneb::cli
