#include <deneb/options/config.h>
#include <deneb/report/comparison_report.h>
#include <deneb/store/trial_store.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>

#include "commands.h"
#include "failure.h"
#include "session.h"
#include "text.h"

namespace deneb::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultOutput = "comparison.html";

/// `word`: a task, or LABEL=TASK. A task whose own name holds a '=' is taken as it is.
ComparedTask open_task(const std::string& word) {
  ComparedTask task;
  const std::size_t equal = word.find('=');
  std::error_code error;
  const bool labelled =
      equal != std::string::npos && equal > 0 && !fs::exists(word, error) && word.find('/') > equal;
  if (labelled) task.label = word.substr(0, equal);
  task.folder = find_task(labelled ? word.substr(equal + 1) : word);
  task.name = fs::path(task.folder).filename().string();
  task.config = read_config(task.folder + "/config.resolved.json").value;
  const std::string database = task.folder + "/task.sqlite";
  if (!fs::exists(database)) {
    throw DataError(database + ": does not exist; the task has not run anything yet");
  }
  task.store = std::make_shared<TrialStore>(database, TrialStore::Mode::kReadOnly);
  return task;
}

/// Folders of the same name in different places are told apart by the folder that holds them.
std::vector<ComparedTask> open_tasks(const Words& words) {
  std::vector<ComparedTask> tasks;
  std::set<std::string> folders, names;
  for (const std::string& word : words) {
    tasks.push_back(open_task(word));
    ComparedTask& task = tasks.back();
    if (!folders.insert(task.folder).second) {
      throw ConfigError("compare: " + task.folder + " is given twice; name every task once");
    }
    const fs::path folder(task.folder);
    if (names.count(task.name) != 0) {
      task.name = folder.parent_path().filename().string() + "/" + task.name;
    }
    if (!names.insert(task.name).second) task.name = task.folder;
    names.insert(task.name);
  }
  return tasks;
}

std::vector<double> budgets(const Words& words) {
  std::vector<double> values;
  for (const std::string& word : words) {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value) ||
        value <= 0) {
      throw ConfigError("compare: --budget " + word + " is no positive number; give a value of " +
                        "the cost, e.g. --budget 3.9e8");
    }
    values.push_back(value);
  }
  return values;
}

/// A mistyped cost would leave all models out.
void check_cost(const std::vector<ComparedTask>& tasks, const std::string& cost) {
  std::set<std::string> known;
  for (const ComparedTask& task : tasks) {
    for (const StepRow& step : task.store->steps()) {
      const auto costs = step.info.value("/reference_costs/float32"_json_pointer,
                                         nlohmann::ordered_json::object());
      for (const auto& [name, value] : costs.items()) known.insert(name);
    }
  }
  if (known.empty() || known.count(cost) != 0) return;
  const Words names(known.begin(), known.end());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  throw ConfigError("compare: --cost " + cost + ": no task knows this cost" +
                    suggestion(cost, names) + "; there are: " + list);
}

std::string stem_of(const std::string& output) {
  fs::path path(output.empty() ? kDefaultOutput : output);
  if (path.extension() == ".html") path.replace_extension();
  if (!path.has_filename() || fs::is_directory(path)) {
    throw ConfigError("compare: --output " + output + " is a folder; name the file of the page");
  }
  return path.string();
}

void refuse(const std::vector<std::string>& lines) {
  std::string text = "compare: the tasks do not agree; leave some out, or give --allow-different:";
  for (const std::string& line : lines) text += "\n  " + line;
  throw ConfigError(text);
}

void warn_of_unfinished(const std::vector<ComparedTask>& tasks) {
  for (const ComparedTask& task : tasks) {
    for (const StepRow& step : task.store->steps()) {
      if (step.status == "finished") continue;
      print_warning(task.name + ": step " + step.name + " is " + step.status +
                    "; what it has stored so far is compared");
    }
  }
}

}  // namespace

int compare_command(const Words& words) {
  Arguments arguments(
      {"compare", "TASK... [options]",
       "Lays tasks side by side: accuracy at each budget with its spread over seeds, differences "
       "to\n"
       "uniform widths of the same budget, fronts, widths per layer, what scores of layers have "
       "in\n"
       "common, and what each search cost. Tasks of one pipeline that differ in their seeds are "
       "one\n"
       "row. Network, data and split have to agree. TASK is a task's folder, or its name below\n"
       "./tasks; tasks given as LABEL=TASK are one row of that name. Prints the paths of the "
       "files\n"
       "it writes: a page, CSV and Markdown.",
       "deneb compare uniform_s1 uniform_s2 search_s1 search_s2\n"
       "deneb compare tasks/* -o results/cifar10.html --cost size\n"
       "deneb compare uniform_s1 learned=search_s1 probed=search_s2"});
  arguments.positionals(1, 100000, {"TASK"});
  arguments.value("output,o", "FILE",
                  "the page; the other files stand beside it under its name (default: "
                  "comparison.html)");
  arguments.value("cost", "NAME",
                  "what budgets are counted in (default: the first cost in the table of models)");
  arguments.values(
      "budget", "VALUE",
      "a budget, in that cost (default: those of the uniform models); may be repeated");
  arguments.flag("allow-different",
                 "compare tasks that do not agree; the page says in what they differ");
  arguments.values("type", "NAME",
                   "comparison report plugin to write (default: all); may be repeated");
  add_plugin_option(arguments);
  if (!arguments.parse(words)) return kExitOk;
  ComparisonInput input;
  input.budgets = budgets(arguments.list("budget"));
  const std::string stem = stem_of(arguments.text("output"));
  input.tasks = open_tasks(arguments.positionals());
  Session session;
  session.load_plugins(arguments.list("plugin"));
  const Words types = arguments.has("type") ? arguments.list("type")
                                            : session.registry().names(ComparisonReport::kKind);
  for (const std::string& type : types) session.registry().at(ComparisonReport::kKind, type);
  if (types.empty()) {
    throw PluginError(
        "compare: no plugin brings a comparison_report; `deneb version` shows where plugins are "
        "looked for");
  }
  input.cost = arguments.has("cost") ? arguments.text("cost") : table_cost(input.tasks);
  if (arguments.has("cost")) check_cost(input.tasks, input.cost);
  input.disagreements = disagreements(input.tasks, input.cost);
  if (!input.disagreements.empty() && !arguments.has("allow-different")) {
    refuse(input.disagreements);
  }
  warn_of_unfinished(input.tasks);
  for (const std::string& type : types) {
    const auto report = session.registry().make<ComparisonReport>({type, nlohmann::json::object()});
    std::vector<std::string> paths;
    guard(session.registry().at(ComparisonReport::kKind, type).plugin, "comparison " + type,
          [&] { paths = report->write(input, stem); });
    for (const std::string& path : paths) std::cout << path << "\n";
  }
  return kExitOk;
}

}  // namespace deneb::cli
