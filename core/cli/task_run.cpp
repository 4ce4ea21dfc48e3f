#include "task_run.h"

#include <deneb/store/trial_store.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

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

/// How a task stands after a failure.
struct Standing {
  std::string step;         ///< that did not finish; "" = none
  std::int64_t failed = 0;  ///< its trials that failed or were out of time
  bool any_finished = false;
};

/// Nothing when the store cannot tell.
std::optional<Standing> standing_of(const std::string& folder) {
  Standing standing;
  try {
    const TrialStore store(folder + "/task.sqlite", TrialStore::Mode::kReadOnly);
    for (const StepRow& step : store.steps()) {
      if (step.status == "finished") continue;
      standing.step = step.name;
      for (const ResultRow& row : store.trials(step.name, TrialStore::Policies::kFront)) {
        if (row.status == "failed" || row.status == "timeout") ++standing.failed;
        if (row.status == "finished") standing.any_finished = true;
      }
      break;
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return standing;
}

/// Commands that go on, each with what it is for. `deneb resume` alone would meet the same
/// configuration and the same failed trials again.
std::vector<std::pair<std::string, std::string>> ways_on(const Failure& failure,
                                                         const Standing& standing,
                                                         const std::string& folder,
                                                         int max_failures) {
  const std::string resume = "deneb resume " + quoted(folder);
  std::vector<std::pair<std::string, std::string>> ways;
  const bool too_many = standing.failed > max_failures;
  const bool all_failed = standing.failed > 0 && !standing.any_finished;
  const bool of_trials = failure.exit_code == kExitRun && (too_many || all_failed);
  if (of_trials) {
    ways.push_back({"to try the failed ones again (killed, out of time, no memory)",
                    resume + " --retry-failed"});
  }
  if (of_trials && too_many) {
    ways.push_back(
        {"to go on without them", resume + " --set general.max_failures=" +
                                      std::to_string(standing.failed + std::max(1, max_failures))});
  }
  if (!of_trials && failure.exit_code != kExitConfig) {
    ways.push_back({failure.exit_code == kExitRun ? "to try again" : "to go on", resume});
  }
  if (!standing.step.empty() && !failure.interrupted &&
      (failure.exit_code == kExitConfig || failure.exit_code == kExitRun)) {
    ways.push_back({"with another option", resume + " --from " + standing.step + " --set " +
                                               standing.step + ".KEY=VALUE"});
  }
  return ways;
}

void print_failure_of_task(const Failure& failure, const std::string& folder, int max_failures,
                           TerminalConsole& console) {
  console.finish_progress();
  console.note("error", "run", failure.text);
  print_failure(failure);
  if (!console.has_logged()) return;  // the task was not begun, and the text says why
  const auto standing = standing_of(folder);
  if (!standing) return;
  std::cerr << "deneb: what is done is kept in " << folder << "\n";
  for (const auto& [purpose, command] : ways_on(failure, *standing, folder, max_failures)) {
    std::cerr << "deneb: " << purpose << ": " << command << "\n";
  }
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
    print_failure_of_task(failure, folder, pipeline.general.max_failures, console);
    return failure.exit_code;
  }
  console.finish_progress();
  std::cout << "task folder: " << folder << std::endl;
  return kExitOk;
}

}  // namespace deneb::cli
