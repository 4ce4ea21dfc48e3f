#include <ATen/Parallel.h>
#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/pipeline/pipeline.h>
#include <deneb/platform.h>
#include <deneb/random.h>
#include <deneb/report/report.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "pipeline/search_step.h"
#include "pipeline/trial_runner.h"

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
    const auto report = registry.make<Report>({name, nlohmann::json::object()});
    std::string path;
    guard(name, "report",
          [&] { path = report->write({store, task_folder, pipeline.config}, step); });
    if (!path.empty()) console.log("info", step, "report: " + path);
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
  if (found) return;
  const std::string nearest = nearest_name(from, pipeline.steps);
  throw ConfigError("--from: the pipeline has no step '" + from + "'" +
                    (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

void run_step(const Pipeline& pipeline, std::size_t index, RunContext& context) {
  const std::string& step = pipeline.steps[index];
  const std::string type =
      pipeline.config.at(step).at("pipe_step").at("type").get<std::string>();
  context.store.begin_step(step, type);
  try {
    throw_if_stopping();
    guard(step, "run", [&] { pipeline.step_objects[index]->run(context); });
  } catch (const Interrupted&) {
    context.store.finish_step(step, "interrupted", "stopped by a signal");
    throw;
  } catch (const std::exception& e) {
    context.store.finish_step(step, "failed", e.what());
    throw;
  }
  context.store.finish_step(step, "finished", "");
}

}  // namespace

std::uint64_t RunContext::step_seed() const {
  return derive_seed(static_cast<std::uint64_t>(general.seed), step);
}

std::string RunContext::output_folder() const {
  const std::string folder = task_folder + "/output/" + step;
  make_directories(folder);
  return folder;
}

void run_pipeline(const Pipeline& pipeline, const std::string& task_folder,
                  const Registry& registry, const PluginLoader& loader, Console& console,
                  const RunOptions& options) {
  if (!options.resume && fs::exists(task_folder + "/config.resolved.json")) {
    throw ConfigError(task_folder + ": this task exists already; continue it with `deneb resume " +
                      task_folder + "`, or choose another general.task.task_id");
  }
  check_writable(task_folder);
  const TaskLock lock(task_folder);
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
  TrialStore store(task_folder + "/task.sqlite");
  if (!options.from_step.empty()) erase_from(pipeline, options.from_step, task_folder, store);
  std::string previous;
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    const std::string& step = pipeline.steps[i];
    const auto known = store.step(step);
    if (known && known->status == "finished") {
      console.log("info", step, "finished before, skipped");
      previous = step;
      continue;
    }
    RunContext context{registry,    pipeline.general, pipeline.config,
                       step,        previous,         task_folder,
                       options.program, store,        console,
                       resolve_device(pipeline.general.device)};
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
    previous = step;
  }
}

void run_worker(const std::string& task_folder, const std::string& step, const Pipeline& pipeline,
                const Registry& registry, int in_fd, int out_fd) {
  at::set_num_threads(pipeline.general.threads_per_worker);
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    if (pipeline.steps[i] != step) continue;
    const auto* search = dynamic_cast<const detail::SearchStep*>(pipeline.step_objects[i].get());
    if (!search) break;
    Workbench bench(registry, search->options(), resolve_device(pipeline.general.device));
    std::string buffer;
    char bytes[4096];
    while (true) {
      const std::size_t end = buffer.find('\n');
      if (end == std::string::npos) {
        const ssize_t n = ::read(in_fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // the parent is done
        buffer.append(bytes, static_cast<std::size_t>(n));
        continue;
      }
      const auto request = nlohmann::json::parse(buffer.substr(0, end));
      buffer.erase(0, end + 1);
      const std::string answer = detail::answer_trial(bench, request).dump() + "\n";
      for (std::size_t done = 0; done < answer.size();) {
        const ssize_t n = ::write(out_fd, answer.data() + done, answer.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        done += static_cast<std::size_t>(n);
      }
    }
  }
  throw ConfigError(task_folder + ": has no search step '" + step + "'");
}

}  // namespace deneb
