#include "commands.h"
#include "task_run.h"

namespace deneb::cli {
namespace {

Arguments resume_arguments() {
  Arguments arguments(
      {"resume", "TASK [options]",
       "Goes on with a task that was stopped, failed or was killed. Finished steps are skipped "
       "and\n"
       "finished trials are not repeated; the result is that of an undisturbed run. Trials that "
       "failed\n"
       "stay failed, but for --retry-failed. TASK is the folder that `deneb run` printed, or its "
       "name\n"
       "below ./tasks. Options come from the task's config.resolved.json, where changed ones go.",
       "deneb resume tasks/20261121-093015-123\n"
       "deneb resume first --retry-failed --set general.trial_timeout=600\n"
       "deneb resume first --workers 4 --set general.max_failures=50\n"
       "deneb resume first --from fully_train --set fully_train.trainer.epochs=20"});
  arguments.positionals(1, 1, {"TASK"});
  arguments.value("from", "STEP",
                  "rerun this step and those after it; their earlier results are deleted");
  arguments.flag("retry-failed",
                 "try trials and models again that failed: killed, out of time, without memory. "
                 "Those of a step that a later one has built on stay");
  arguments.values("set", "A.B.C=VALUE",
                   "change general.workers, threads, threads_per_worker, trial_timeout, "
                   "max_failures, reports or report_options; with --from also the sections of the "
                   "steps that are rerun; may be repeated");
  arguments.value("workers", "N", "trials that run at once (--set general.workers=N)");
  add_plugin_option(arguments);
  arguments.flag("quiet,q", "print warnings, errors and the task folder only; run.log has all");
  return arguments;
}

}  // namespace

int resume_command(const Words& words) {
  Arguments arguments = resume_arguments();
  if (!arguments.parse(words)) return kExitOk;
  const std::string folder = find_task(arguments.positionals().front());
  Words assignments = arguments.list("set");
  if (arguments.has("workers")) {
    assignments.push_back("general.workers=" + arguments.text("workers"));
  }
  RunOptions options;
  options.from_step = arguments.text("from");
  options.resume = true;
  options.retry_failed = arguments.has("retry-failed");
  Session session;
  const Pipeline pipeline =
      session.open_task(folder, arguments.list("plugin"), assignments, options.from_step);
  return run_task(session, pipeline, folder, options, arguments.has("quiet"));
}

}  // namespace deneb::cli
