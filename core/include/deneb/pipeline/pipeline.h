#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/config.h>
#include <deneb/pipeline/pipe_step.h>
#include <deneb/plugin/loader.h>
#include <deneb/plugin/registry.h>

namespace deneb {

/// A validated pipeline: nothing has run yet.
struct Pipeline {
  std::string file;               ///< as given
  nlohmann::ordered_json config;  ///< refs resolved, defaults filled in, paths absolute
  std::string task_folder;        ///< where it runs
  GeneralOptions general;
  std::vector<std::string> steps;
  std::vector<std::shared_ptr<PipeStep>> step_objects;  ///< same order; for validation
  /// What load_task() was told to change: "general.workers: 1, now 4". A run stores it.
  std::vector<std::string> changes = {};
  std::vector<Finding> findings;
};

/// Throws for findings that keep the pipeline from running, but for those of `finished` steps:
/// ConfigError for Finding::kLater, else DataError for missing data, kNoDataHere if `here` only.
DENEB_API void check_runnable(const Pipeline& pipeline, bool here,
                              const std::vector<std::string>& finished = {});

/// The section of a step as it runs now: variables put in, `step:kind` replaced by the paths of the
/// artifacts that are there.
DENEB_API nlohmann::ordered_json step_section(const Pipeline& pipeline, const std::string& step,
                                              const Registry& registry);
/// The step made from step_section().
DENEB_API std::shared_ptr<PipeStep> make_step(const Pipeline& pipeline, const std::string& step,
                                              const Registry& registry);

/// Registers the core's own plugins: steps (SearchPipeStep, TrainPipeStep, EvaluatePipeStep), the
/// trainer Trainer and the criterion CrossEntropy.
DENEB_API void register_core(Registry& registry);

/// Reads a file, applies `--set` assignments and refs, loads the plugins that it names, and
/// validates everything. Throws one ConfigError that lists all problems; PluginError or DataError
/// when only those are wrong. Creates nothing on disk.
DENEB_API Pipeline load_pipeline(const std::string& file,
                                 const std::vector<std::string>& assignments,
                                 const std::vector<std::string>& plugin_paths, Registry& registry,
                                 PluginLoader& loader);

/// Re-reads <task>/config.resolved.json of a started task, wherever it lies now. `assignments`
/// (as `--set`) may change what limits a run (general.workers, threads, threads_per_worker,
/// trial_timeout, max_failures, reports, report_options) and, if `from_step` names a step that is
/// to be rerun, the sections of it and of those after it; ConfigError for everything else, which
/// the results so far depend on.
DENEB_API Pipeline load_task(const std::string& task_folder,
                             const std::vector<std::string>& assignments,
                             const std::string& from_step,
                             const std::vector<std::string>& plugin_paths, Registry& registry,
                             PluginLoader& loader);

/// The report `name` with the options that a resolved pipeline gives it.
DENEB_API PluginSpec report_spec(const nlohmann::ordered_json& config, const std::string& name);

/// torch device of a `device` option; ConfigError for an unknown word or an absent GPU.
DENEB_API c10::Device resolve_device(const std::string& word);

/// Folder name for a new task: UTC start time, `20261121-093015-123`.
DENEB_API std::string new_task_id();

/// JSON Schema (draft-07) of pipeline files with everything that is registered.
DENEB_API nlohmann::ordered_json pipeline_schema(const Registry& registry);

struct RunOptions {
  std::string program;    ///< path of the deneb program, for worker processes
  std::string from_step;  ///< erase this step's results and those after it, then run; "" = go on
  bool resume = false;    ///< the task folder exists already
  /// Try failed trials again: those of steps that no later step has built on.
  bool retry_failed = false;
};

/// Runs all steps that are not finished. `task_folder` holds config.resolved.json, plugins.json,
/// task.sqlite, run.log and output/. One process at a time (a lock file guards). Step failures come
/// out as the error that ended them, after the store has it. Reports are written after every step.
/// A folder that holds something else, and no task, is refused with a ConfigError and left as it
/// is; so is, with a DataError, a task with results that its store does not know.
/// The first line that the console gets comes when all that has been checked.
DENEB_API void run_pipeline(const Pipeline& pipeline, const std::string& task_folder,
                            const Registry& registry, const PluginLoader& loader, Console& console,
                            const RunOptions& options);

/// Body of a worker process: reads requests from `in_fd`, answers to `out_fd`, one JSON a line,
/// until the end of input. Trials have `general.threads_per_worker` threads.
DENEB_API void run_worker(const std::string& task_folder, const std::string& step,
                          const Pipeline& pipeline, const Registry& registry, int in_fd,
                          int out_fd);

}  // namespace deneb
