#include <filesystem>

#include "commands.h"
#include "task_run.h"
#include "text.h"

namespace deneb::cli {
namespace {

Arguments run_arguments() {
  Arguments arguments(
      {"run", "FILE [options]",
       "Runs all steps of the pipeline file FILE: first everything is checked, then a task folder\n"
       "<general.task.local_base_path>/<general.task.task_id> gets all results. Its path is\n"
       "printed first and last. A run that was stopped is continued by `deneb resume`.",
       "deneb run pipelines/demo/digits.json\n"
       "deneb run my.json --set general.seed=7 --set nas.trainer.epochs=2\n"
       "deneb run my.json --task-id first --workers 2\n"
       "deneb run my.json --task-id first --from fully_train"});
  arguments.positionals(1, 1, {"FILE"});
  add_set_option(arguments);
  add_plugin_option(arguments);
  arguments.value("from", "STEP",
                  "rerun this step and those after it in the existing folder of --task-id; their "
                  "earlier results are deleted");
  arguments.value("task-id", "ID", "name of the task folder (--set general.task.task_id=ID)");
  arguments.value("workers", "N", "trials that run at once, or auto (--set general.workers=N)");
  arguments.flag("quiet,q", "print warnings, errors and the task folder only; run.log has all");
  return arguments;
}

Words assignments(const Arguments& arguments) {
  Words list = arguments.list("set");
  if (arguments.has("task-id")) {
    // Quoted, since an id of digits is a name too.
    list.push_back("general.task.task_id=" + nlohmann::json(arguments.text("task-id")).dump());
  }
  if (arguments.has("workers")) list.push_back("general.workers=" + arguments.text("workers"));
  return list;
}

void check_existing(const std::string& folder, const std::string& step) {
  if (std::filesystem::exists(folder + "/config.resolved.json")) return;
  throw ConfigError("run: --from " + step + " reruns a part of an existing task, but " + folder +
                    " holds none; name the task by --task-id, or leave --from out");
}

}  // namespace

int run_command(const Words& words) {
  Arguments arguments = run_arguments();
  if (!arguments.parse(words)) return kExitOk;
  Session session;
  const Pipeline pipeline = session.open_file(arguments.positionals().front(),
                                              assignments(arguments), arguments.list("plugin"));
  const std::string folder = task_folder(pipeline);
  RunOptions options;
  options.from_step = arguments.text("from");
  options.resume = arguments.has("from");
  if (options.resume) {
    check_existing(folder, options.from_step);
  } else {
    check_runnable(pipeline, /*here=*/true);  // before there is a folder
  }
  return run_task(session, pipeline, folder, options, arguments.has("quiet"));
}

}  // namespace deneb::cli
