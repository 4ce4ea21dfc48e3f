#include "task_run.h"

#include <filesystem>
#include <iostream>

#include "failure.h"
#include "terminal_console.h"
#include "text.h"

namespace deneb::cli {
namespace {

/// Keeps full LibTorch texts, which messages leave out, in run.log.
class PluginErrorLog {
 public:
  explicit PluginErrorLog(TerminalConsole& console) {
    set_plugin_error_log(
        [&console](const std::string& text) { console.note("debug", "run", text); });
  }
  ~PluginErrorLog() { set_plugin_error_log(nullptr); }
  PluginErrorLog(const PluginErrorLog&) = delete;
  PluginErrorLog& operator=(const PluginErrorLog&) = delete;
};

void print_failure_of_task(const Failure& failure, const std::string& folder,
                           TerminalConsole& console) {
  console.finish_progress();
  console.note("error", "run", failure.text);
  print_failure(failure);
  // Without a configuration the task has not begun.
  if (!std::filesystem::exists(folder + "/config.resolved.json")) return;
  std::cerr << "deneb: what is done is kept in " << folder << "\n"
            << "deneb: to go on: deneb resume " << quoted(folder) << "\n";
}

}  // namespace

int run_task(const Session& session, const Pipeline& pipeline, const std::string& folder,
             RunOptions options, bool quiet) {
  options.program = program_path();
  TerminalConsole console(quiet);
  console.open_log(folder + "/run.log");
  for (const std::string& warning : session.warnings()) console.note("warning", "run", warning);
  const PluginErrorLog log(console);
  std::cout << "task folder: " << folder << std::endl;
  try {
    run_pipeline(pipeline, folder, session.registry(), session.loader(), console, options);
  } catch (...) {
    const Failure failure = current_failure();
    print_failure_of_task(failure, folder, console);
    return failure.exit_code;
  }
  console.finish_progress();
  std::cout << "task folder: " << folder << std::endl;
  return kExitOk;
}

}  // namespace deneb::cli
