#include "session.h"

#include <deneb/io/files.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "failure.h"
#include "text.h"

namespace deneb::cli {
namespace {

namespace fs = std::filesystem;

bool is_task(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / "config.resolved.json", error);
}

/// When something was last done in the task.
fs::file_time_type last_used(const fs::path& task) {
  std::error_code error;
  const fs::file_time_type begun = fs::last_write_time(task / "config.resolved.json", error);
  const fs::file_time_type logged = fs::last_write_time(task / "run.log", error);
  return error ? begun : std::max(begun, logged);
}

/// Names of the tasks in a folder, the one that was used last at the end.
std::vector<std::string> tasks_in(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, std::string>> tasks;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_task(it->path())) {
      tasks.emplace_back(last_used(it->path()), it->path().filename().string());
    }
  }
  std::sort(tasks.begin(), tasks.end());
  std::vector<std::string> names;
  for (const auto& task : tasks) names.push_back(task.second);
  return names;
}

}  // namespace

Session::Session(Warnings show) : show_(show) { register_core(registry_); }

void Session::load_plugins(const Words& command_line) {
  for (const std::string& path : plugin_search_path({}, command_line)) loader_.load_path(path);
}

// A plugin given by --plugin stands in no file but plugins.json. One of the default folder may have
// moved with a new installation since, so that names count before paths.
void Session::load_task_plugins(const std::string& task_folder, const Words& command_line) {
  load_plugins(command_line);
  const std::string file = task_folder + "/plugins.json";
  if (!fs::exists(file)) return;
  std::set<std::string> known;
  for (const LoadedPlugin& plugin : loader_.loaded()) known.insert(plugin.name);
  try {
    for (const auto& plugin : nlohmann::json::parse(read_file(file))) {
      const std::string path = plugin.at("path").get<std::string>();
      if (known.count(plugin.at("name").get<std::string>()) == 0 && fs::exists(path)) {
        loader_.load_file(path);
      }
    }
  } catch (const nlohmann::json::exception& e) {
    throw DataError(file + ": is damaged (" + e.what() +
                    "); delete it and name plugins by --plugin");
  }
}

Pipeline Session::open_file(const std::string& file, const Words& assignments,
                            const Words& plugins) {
  return open_with_warnings(
      [&] { return load_pipeline(file, assignments, plugins, registry_, loader_); });
}

Pipeline Session::open_task(const std::string& task_folder, const Words& plugins,
                            const Words& assignments, const std::string& from_step) {
  return open_with_warnings([&] {
    load_task_plugins(task_folder, plugins);
    return load_task(task_folder, assignments, from_step, plugins, registry_, loader_);
  });
}

Pipeline Session::open_with_warnings(const std::function<Pipeline()>& load) const {
  try {
    Pipeline pipeline = load();
    warn();
    return pipeline;
  } catch (const Error&) {
    warn();  // an unknown plugin may be one that was skipped
    throw;
  }
}

Pipeline Session::open(const std::string& file_or_task, const Words& assignments,
                       const Words& plugins) {
  std::error_code error;
  // A missing x.json is a missing file, not a missing task.
  if (fs::is_regular_file(file_or_task, error) || fs::path(file_or_task).extension() == ".json") {
    return open_file(file_or_task, assignments, plugins);
  }
  if (!assignments.empty()) {
    throw ConfigError("--set: works with pipeline files; '" + file_or_task +
                      "' is a task, whose options are settled");
  }
  return open_task(find_task(file_or_task), plugins);
}

std::vector<std::string> Session::warnings() const {
  std::vector<std::string> all = loader_.warnings();
  std::set<std::string> told;  // a folder may have been scanned twice
  for (const SkippedPlugin& plugin : loader_.skipped()) {
    if (told.insert(plugin.path).second) all.push_back("skipped: " + plugin.reason);
  }
  return all;
}

void Session::warn() const {
  if (show_ == Warnings::kHide) return;
  for (const std::string& warning : warnings()) print_warning(warning);
}

std::string find_task(const std::string& task) {
  const fs::path default_base = TaskOptions().local_base_path;
  for (const fs::path& folder : {fs::path(task), default_base / task}) {
    if (is_task(folder)) return fs::canonical(folder).string();
  }
  const std::vector<std::string> known = tasks_in(default_base);
  std::string hint = suggestion(task, known);
  if (hint.empty() && !known.empty()) {
    hint = "; the latest one below " + default_base.string() + " is '" + known.back() + "'";
  }
  throw ConfigError("'" + task + "' is no task (a folder with a config.resolved.json, as `deneb " +
                    "run` prints it, or the name of one below " + default_base.string() + ")" +
                    hint);
}

std::string task_folder(const Pipeline& pipeline) {
  const TaskOptions& task = pipeline.general.task;
  return fs::absolute(fs::path(task.local_base_path) / task.task_id).lexically_normal().string();
}

std::string program_path() { return fs::read_symlink("/proc/self/exe").string(); }

void add_plugin_option(Arguments& arguments) {
  arguments.values("plugin", "PATH",
                   "load this plugin file, or all below this folder; may be repeated");
}

void add_set_option(Arguments& arguments) {
  arguments.values("set", "A.B.C=VALUE",
                   "replace one option of the file, e.g. nas.trainer.epochs=1; VALUE is JSON, or "
                   "else taken as a string; may be repeated");
}

}  // namespace deneb::cli
