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
#include <regex>

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

// What a killed process was writing: <file>.tmp<pid>-<count>.
void remove_temporaries(const std::string& task_folder) {
  static const std::regex pattern(".*\\.tmp[0-9]+-[0-9]+");
  std::error_code error;
  std::vector<fs::path> stale;
  for (fs::recursive_directory_iterator it(task_folder, error), end; !error && it != end;
       it.increment(error)) {
    if (std::regex_match(it->path().filename().string(), pattern)) stale.push_back(it->path());
  }
  for (const fs::path& path : stale) fs::remove(path, error);
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
  check_writable(task_folder);
  const TaskLock lock(task_folder);
  remove_temporaries(task_folder);
  if (!options.from_step.empty()) check_kept_steps(pipeline, options.from_step, task_folder);
  TrialStore store(task_folder + "/task.sqlite");
  if (!options.from_step.empty()) erase_from(pipeline, options.from_step, task_folder, store);
  if (!options.resume || !options.from_step.empty()) {
    write_file_atomically(task_folder + "/config.resolved.json", pipeline.config.dump(1) + "\n");
  }
  write_file_atomically(task_folder + "/plugins.json", plugins_json(loader).dump(1) + "\n");
  at::set_num_threads(pipeline.general.threads);
  console.log("info", "run", platform_text());
  console.log("info", "run",
              "task " + task_folder + ", seed " + std::to_string(pipeline.general.seed) +
                  ", device " + pipeline.general.device + ", " +
                  std::to_string(pipeline.general.workers) + " trial worker(s) of " +
                  std::to_string(pipeline.general.threads_per_worker) + " thread(s)");
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
