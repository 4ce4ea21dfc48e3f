#pragma once

#include <deneb/pipeline/pipeline.h>
#include <deneb/plugin/loader.h>
#include <deneb/plugin/registry.h>

#include <functional>
#include <string>
#include <vector>

#include "arguments.h"

namespace deneb::cli {

/// Registry and loader of one pipeline, with the core's own classes in.
class Session {
 public:
  enum class Warnings { kShow, kHide };
  explicit Session(Warnings show = Warnings::kShow);

  /// For commands without a pipeline file: --plugin, DENEB_PLUGIN_PATH and the default folder.
  void load_plugins(const Words& command_line);
  /// The same, and the plugins that the task was run with.
  void load_task_plugins(const std::string& task_folder, const Words& command_line);
  /// load_pipeline; plugins that had to be skipped are warned of on standard error.
  Pipeline open_file(const std::string& file, const Words& assignments, const Words& plugins);
  /// load_task.
  Pipeline open_task(const std::string& task_folder, const Words& plugins,
                     const Words& assignments = {}, const std::string& from_step = "");
  /// A pipeline file, or the task of that name.
  Pipeline open(const std::string& file_or_task, const Words& assignments, const Words& plugins);

  const Registry& registry() const { return registry_; }
  const PluginLoader& loader() const { return loader_; }
  /// Plugins that were skipped or differ harmlessly; open_* prints them.
  std::vector<std::string> warnings() const;

 private:
  void warn() const;
  Pipeline open_with_warnings(const std::function<Pipeline()>& load) const;
  const Warnings show_;
  Registry registry_;
  PluginLoader loader_{registry_};
};

/// Folder of a task, absolute. `task`: the folder, or the name of one below ./tasks. ConfigError
/// when there is none.
std::string find_task(const std::string& task);

/// Folder that general.task names, absolute.
std::string task_folder(const Pipeline& pipeline);

/// Path of this program, for worker processes.
std::string program_path();

/// Options that several commands share.
void add_plugin_option(Arguments& arguments);
void add_set_option(Arguments& arguments);

}  // namespace deneb::cli
