#include <ATen/Parallel.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/pipeline/pipeline.h>
#include <deneb/platform.h>
#include <deneb/report/report.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "io/atomic_file.h"

#include "pipeline/work_meter.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;

// One process works on a task at a time; the lock goes with the process, also after kill -9.
class TaskLock {
 public:
  explicit TaskLock(const std::string& folder) {
    const std::string path = folder + "/.lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) throw RunError(path + ": cannot be created (" + std::strerror(errno) + ")");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      throw RunError(folder + ": another deneb process works on this task; wait for it or stop it");
    }
  }
  ~TaskLock() { ::close(fd_); }
  TaskLock(const TaskLock&) = delete;
  TaskLock& operator=(const TaskLock&) = delete;

 private:
  int fd_;
};

std::string workers_text(const GeneralOptions& general) {
  if (general.measures_workers()) return "trial workers as measured";
  return general.workers.dump() + " trial worker(s) of " +
         std::to_string(general.threads_per_worker) + " thread(s)";
}

nlohmann::ordered_json plugins_json(const PluginLoader& loader) {
  auto list = nlohmann::ordered_json::array();
  for (const LoadedPlugin& plugin : loader.loaded()) {
    list.push_back({{"name", plugin.name},
                    {"version", plugin.version},
                    {"path", plugin.path},
                    {"abi", plugin.abi_tag}});
  }
  return list;
}

void write_reports(const Pipeline& pipeline, const std::string& task_folder,
                   const Registry& registry, const TrialStore& store, const std::string& step,
                   Console& console) {
  for (const std::string& name : pipeline.general.reports) {
    const auto report = registry.make<Report>(report_spec(pipeline.config, name));
    std::string path;
    guard(registry.at(Report::kKind, name).plugin, "report " + name, [&] {
      path = report->write({store, task_folder, pipeline.config}, step);
    });
    if (!path.empty()) console.log("info", step, "report: " + path);
  }
}

// Steps before `from` keep their results, so what made these has to be the same still.
void check_kept_steps(const Pipeline& pipeline, const std::string& from,
                      const std::string& task_folder) {
  if (std::find(pipeline.steps.begin(), pipeline.steps.end(), from) == pipeline.steps.end()) {
    const std::string nearest = nearest_name(from, pipeline.steps);
    throw ConfigError("--from: the pipeline has no step '" + from + "'" +
                      (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }
  const std::string file = task_folder + "/config.resolved.json";
  const auto old = read_config(file).value;
  const auto differs = [&](const std::string& what) {
    return ConfigError("--from " + from + ": " + what + " differs from that of " + file +
                       ", which made the results to be kept; restore it, rerun from an earlier "
                       "step or start a new task");
  };
  if (pipeline.steps.front() != from &&
      old.value("/general/seed"_json_pointer, std::int64_t{0}) != pipeline.general.seed) {
    throw differs("general.seed");
  }
  for (const std::string& step : pipeline.steps) {
    if (step == from) return;
    if (!old.contains(step) || old[step] != pipeline.config[step]) throw differs("section " + step);
  }
}

void erase_from(const Pipeline& pipeline, const std::string& from, const std::string& task_folder,
                TrialStore& store) {
  bool found = false;
  for (const std::string& step : pipeline.steps) {
    found |= step == from;
    if (!found) continue;
    store.erase_step(step);
    fs::remove_all(task_folder + "/output/" + step);
  }
}

// What a killed process of the task was writing, where tasks write: beside the store, and in the
// folders of steps.
void remove_temporaries(const std::string& task_folder) {
  std::error_code error;
  std::vector<fs::path> stale;
  const auto look_at = [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    const bool file = fs::is_regular_file(entry.symlink_status(ignored));
    if (file && detail::is_unfinished_file(entry.path().filename().string())) {
      stale.push_back(entry.path());
    }
  };
  for (fs::directory_iterator it(task_folder, error), end; !error && it != end;
       it.increment(error)) {
    look_at(*it);
  }
  for (fs::recursive_directory_iterator it(task_folder + "/output", error), end;
       !error && it != end; it.increment(error)) {
    look_at(*it);
  }
  for (const fs::path& path : stale) fs::remove(path, error);
}

// Is it new, empty, a task's, or what a start leaves that was killed at once?
void refuse_foreign_folder(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return;
  if (fs::exists(folder + "/config.resolved.json") || fs::exists(folder + "/task.sqlite")) return;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == ".lock" || name.rfind(".write-test", 0) == 0) continue;
    throw ConfigError(folder + ": is a folder with other things in it ('" + name +
                      "') and no task; choose another general.task.task_id, or empty it");
  }
}

bool is_empty_folder(const std::string& folder) {
  std::error_code error;
  return !fs::is_directory(folder, error) || fs::is_empty(folder, error);
}

// A step is in the store before it writes anything. Without this check a lost store would be a
// silent run of everything again.
void refuse_lost_store(const Pipeline& pipeline, const std::string& task_folder,
                       const TrialStore* store) {
  for (const std::string& step : pipeline.steps) {
    const std::string folder = task_folder + "/output/" + step;
    if (is_empty_folder(folder) || (store && store->step(step))) continue;
    throw DataError(task_folder + "/task.sqlite: " +
                    (store ? "does not know step '" + step + "'" : std::string("is missing")) +
                    ", although its results lie in " + folder +
                    "; restore the file from a copy, run everything again with --from " +
                    pipeline.steps.front() + ", or start a new task");
  }
}

// Where nothing has been built on the results of a step yet, its failed trials get another try.
void retry_failed(const Pipeline& pipeline, TrialStore& store, Console& console) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    const std::string& step = pipeline.steps[i];
    if (!store.step(step)) continue;
    const bool built_on =
        std::any_of(pipeline.steps.begin() + std::ptrdiff_t(i) + 1, pipeline.steps.end(),
                    [&](const std::string& later) { return store.step(later).has_value(); });
    if (!built_on) {
      const std::int64_t again = store.retry_failed(step);
      if (again == 0) continue;
      const std::string text = std::to_string(again) + " failed trial(s) are tried again";
      console.log("info", step, text);
      store.add_event(step, "info", text);
      count += again;
      continue;
    }
    const std::vector<ResultRow> rows = store.trials(step, TrialStore::Policies::kFront);
    const auto failed = std::count_if(rows.begin(), rows.end(), [](const ResultRow& row) {
      return row.status == "failed" || row.status == "timeout";
    });
    if (failed == 0) continue;
    console.log("info", step,
                std::to_string(failed) +
                    " failed trial(s) stay: later steps have built on the others; --from " + step +
                    " runs the step again");
  }
  if (count == 0) console.log("info", "run", "no failed trials to try again");
}

// What the step has promised for later ones has to be there.
void leave_artifacts(const std::vector<std::string>& promised, const std::string& type,
                     const RunContext& context) {
  for (const std::string& kind : promised) {
    const auto found =
        std::find_if(context.artifacts.begin(), context.artifacts.end(),
                     [&](const Artifact& artifact) { return artifact.kind == kind; });
    if (found == context.artifacts.end()) {
      throw PluginError("step " + context.step + ": " + type + " says that it gives " + kind +
                        ", but left none; its plugin is wrong");
    }
    if (!fs::exists(found->file)) {
      throw PluginError("step " + context.step + ": the " + kind + " that it gives, " +
                        found->file + ", are not there; its plugin is wrong");
    }
  }
  write_artifacts(context.output_folder(), context.artifacts);
}

void run_step(const Pipeline& pipeline, std::size_t index, RunContext& context) {
  const std::string& step = pipeline.steps[index];
  const std::string type = pipeline.config.at(step).at("pipe_step").at("type").get<std::string>();
  context.store.begin_step(step, type);
  try {
    throw_if_stopping();
    const auto object = make_step(pipeline, step, context.registry);
    const detail::WorkMeter meter(context.store, step);
    guard(context.registry.at(PipeStep::kKind, type).plugin, "step " + step,
          [&] { object->run(context); });
    leave_artifacts(object->gives(context.registry), type, context);
  } catch (const Interrupted&) {
    context.store.finish_step(step, "interrupted", "stopped by a signal");
    throw;
  } catch (const std::exception& e) {
    context.store.finish_step(step, "failed", e.what());
    throw;
  }
  context.store.finish_step(step, "finished", "");
}

std::vector<std::string> finished_steps(const Pipeline& pipeline, const TrialStore& store) {
  std::vector<std::string> finished;
  for (const std::string& step : pipeline.steps) {
    const auto known = store.step(step);
    if (known && known->status == "finished") finished.push_back(step);
  }
  return finished;
}

}  // namespace

void run_pipeline(const Pipeline& pipeline, const std::string& task_folder,
                  const Registry& registry, const PluginLoader& loader, Console& console,
                  const RunOptions& options) {
  if (!options.resume && fs::exists(task_folder + "/config.resolved.json")) {
    throw ConfigError(task_folder + ": this task exists already; continue it with `deneb resume " +
                      task_folder + "`, or choose another general.task.task_id");
  }
  refuse_foreign_folder(task_folder);
  check_writable(task_folder);
  const TaskLock lock(task_folder);
  if (!options.from_step.empty()) check_kept_steps(pipeline, options.from_step, task_folder);
  // From the first step on nothing is kept, so that nothing need be known.
  const bool anew = options.from_step == pipeline.steps.front();
  const std::string database = task_folder + "/task.sqlite";
  if (!anew && !fs::exists(database)) refuse_lost_store(pipeline, task_folder, nullptr);
  TrialStore store(database);
  // A start that was killed before it wrote its configuration has begun no step.
  if (!options.resume && !store.steps().empty()) {
    throw DataError(task_folder +
                    "/config.resolved.json: is missing, although the task has run; restore it from "
                    "a copy, or choose another general.task.task_id");
  }
  if (!options.from_step.empty()) erase_from(pipeline, options.from_step, task_folder, store);
  refuse_lost_store(pipeline, task_folder, &store);
  remove_temporaries(task_folder);
  if (!options.resume || !options.from_step.empty() || !pipeline.changes.empty()) {
    write_file_atomically(task_folder + "/config.resolved.json", pipeline.config.dump(1) + "\n");
  }
  write_file_atomically(task_folder + "/plugins.json", plugins_json(loader).dump(1) + "\n");
  at::set_num_threads(pipeline.general.threads);
  console.log("info", "run", platform_text());
  console.log("info", "run",
              "task " + task_folder + ", seed " + std::to_string(pipeline.general.seed) +
                  ", device " + pipeline.general.device + ", " + workers_text(pipeline.general));
  for (const std::string& change : pipeline.changes) {
    console.log("info", "run", change);
    store.add_event("run", "info", change);
  }
  if (options.retry_failed) retry_failed(pipeline, store, console);
  const std::vector<std::string> finished = finished_steps(pipeline, store);
  check_runnable(pipeline, /*here=*/true, finished);
  for (const Finding& finding : pipeline.findings) {
    const bool open = std::find(finished.begin(), finished.end(), finding.step) == finished.end();
    if (open && finding.kind == Finding::Kind::kWarning) {
      console.log("warning", finding.step, finding.text);
    }
  }
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    const std::string& step = pipeline.steps[i];
    const auto known = store.step(step);
    if (known && known->status == "finished") {
      console.log("info", step, "finished before, skipped");
      // A process that was killed, or had no space, may have left them out.
      write_reports(pipeline, task_folder, registry, store, step, console);
      continue;
    }
    RunContext context{registry,        pipeline.general,
                       pipeline.config, step,
                       i == 0,          task_folder,
                       options.program, store,
                       console,         resolve_device(pipeline.general.device)};
    try {
      run_step(pipeline, i, context);
    } catch (const std::exception&) {
      // What there is so far helps to find the cause; a failing report must not hide it.
      try {
        write_reports(pipeline, task_folder, registry, store, step, console);
      } catch (const std::exception& e) {
        console.log("warning", step, std::string("report not written: ") + e.what());
      }
      throw;
    }
    write_reports(pipeline, task_folder, registry, store, step, console);
  }
}

}  // namespace deneb
