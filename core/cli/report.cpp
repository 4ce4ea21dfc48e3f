#include <deneb/options/config.h>
#include <deneb/report/report.h>
#include <deneb/store/trial_store.h>

#include <filesystem>
#include <iostream>

#include "commands.h"
#include "session.h"

namespace deneb::cli {
namespace {

/// general.reports of the task.
Words configured_types(const nlohmann::ordered_json& config, const std::string& folder) {
  try {
    return config.at("general").at("reports").get<Words>();
  } catch (const nlohmann::json::exception&) {
    throw ConfigError(folder +
                      "/config.resolved.json: general.reports is no list of strings; name " +
                      "a report by --type");
  }
}

}  // namespace

int report_command(const Words& words) {
  Arguments arguments(
      {"report", "TASK [options]",
       "Writes the reports of a task again, from its database, and prints their paths. Works on\n"
       "tasks that still run. TASK is the task's folder, or its name below ./tasks.",
       "deneb report tasks/20261121-093015-123\n"
       "deneb report first --type html"});
  arguments.positionals(1, 1, {"TASK"});
  arguments.values(
      "type", "NAME",
      "report plugin to write (default: general.reports of the task); may be repeated");
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  const std::string folder = find_task(arguments.positionals().front());
  Session session;
  session.load_task_plugins(folder, arguments.list("plugin"));
  const auto config = read_config(folder + "/config.resolved.json").value;
  const Words types =
      arguments.has("type") ? arguments.list("type") : configured_types(config, folder);
  for (const std::string& type : types) session.registry().at(Report::kKind, type);
  const std::string database = folder + "/task.sqlite";
  if (!std::filesystem::exists(database)) {
    throw DataError(database + ": does not exist; the task has not run anything yet");
  }
  const TrialStore store(database, TrialStore::Mode::kReadOnly);
  for (const std::string& type : types) {
    const auto report = session.registry().make<Report>(report_spec(config, type));
    std::string path;
    guard(session.registry().at(Report::kKind, type).plugin, "report " + type, [&] {
      path = report->write({store, folder, config}, "");
    });
    if (!path.empty()) std::cout << path << "\n";
  }
  return kExitOk;
}

}  // namespace deneb::cli
