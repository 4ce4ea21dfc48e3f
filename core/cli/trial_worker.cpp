#include <deneb/interrupt.h>
#include <signal.h>
#include <sys/prctl.h>

#include <string>

#include "commands.h"
#include "session.h"

namespace deneb::cli {
namespace {
constexpr int kRequests = 0;  // as the worker pool connects them
constexpr int kAnswers = 3;
}  // namespace

int trial_worker_command(const Words& words) {
  // A worker must not outlive a parent that was killed. Signals meant for the whole run are the
  // parent's to handle, which then ends its workers.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  Arguments arguments({"trial-worker", "TASK STEP",
                       "Runs trials for `deneb run`: reads requests from descriptor 0, writes "
                       "answers to\ndescriptor 3. Not for use by hand.",
                       ""});
  arguments.positionals(2, 2, {"TASK", "STEP"});
  arguments.value("threads", "N", "threads of a trial, in place of general.threads_per_worker");
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  const std::string folder = find_task(arguments.positionals()[0]);
  Session session(Session::Warnings::kHide);  // the parent has shown them
  Pipeline pipeline = session.open_task(folder, arguments.list("plugin"));
  if (arguments.has("threads")) {
    pipeline.general.threads_per_worker = std::stoi(arguments.text("threads"));
  }
  run_worker(folder, arguments.positionals()[1], pipeline, session.registry(), kRequests, kAnswers);
  return kExitOk;
}

}  // namespace deneb::cli
