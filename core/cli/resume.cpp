#include "commands.h"
#include "task_run.h"

namespace deneb::cli {

int resume_command(const Words& words) {
  Arguments arguments(
      {"resume", "TASK [options]",
       "Goes on with a task that was stopped, failed or was killed. Finished steps are skipped "
       "and\n"
       "finished trials are not repeated; the result is that of an undisturbed run. TASK is the\n"
       "folder that `deneb run` printed, or its name below ./tasks. Options come from the task's\n"
       "config.resolved.json.",
       "deneb resume tasks/20261121-093015-123\n"
       "deneb resume first --from fully_train"});
  arguments.positionals(1, 1, {"TASK"});
  arguments.value("from", "STEP",
                  "rerun this step and those after it; their earlier results are deleted");
  add_plugin_option(arguments);
  arguments.flag("quiet,q", "print warnings, errors and the task folder only; run.log has all");
  if (!arguments.parse(words)) return kExitOk;
  const std::string folder = find_task(arguments.positionals().front());
  Session session;
  const Pipeline pipeline = session.open_task(folder, arguments.list("plugin"));
  RunOptions options;
  options.from_step = arguments.text("from");
  options.resume = true;
  return run_task(session, pipeline, folder, options, arguments.has("quiet"));
}

}  // namespace deneb::cli
