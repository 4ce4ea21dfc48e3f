#include <deneb/data/data_path.h>
#include <deneb/io/files.h>
#include <deneb/pipeline/pipeline.h>
#include <deneb/platform.h>
#include <torch/cuda.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <set>

#include "pipeline/artifact_chain.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// The whole file as one options struct; every step section is a plugin of kind pipe_step.
struct PipelineOptions {
  GeneralOptions general;
  std::vector<std::string> pipeline, plugins;
  std::vector<std::pair<std::string, PluginSpec>> sections;
  template <class V>
  void visit(V& v) {
    v("general", general, "seed, devices, folders, workers");
    v("pipeline", pipeline, "names of the steps, in the order they run");
    v("plugins", plugins, "further plugin files or folders, relative to this file");
    for (auto& section : sections) {
      v.plugin(section.first.c_str(), section.second, PipeStep::kKind, "section of a step");
    }
  }
};

std::vector<std::string> string_list(const ordered_json& config, const char* key) {
  std::vector<std::string> list;
  if (!config.contains(key) || !config[key].is_array()) return list;
  for (const auto& item : config[key]) {
    if (item.is_string()) list.push_back(item.get<std::string>());
  }
  return list;
}

// The type stands in the section's pipe_step block; the reader wants it beside the options.
void lift_step_types(ordered_json& config, const std::vector<std::string>& steps,
                     const Registry& registry, Diagnostics& diagnostics) {
  std::set<std::string> seen;
  for (const std::string& name : steps) {
    if (!seen.insert(name).second) {
      diagnostics.add("pipeline", "step '" + name +
                                      "' is listed twice; give the second run a "
                                      "section and a name of its own");
    }
    if (!is_plain_file_name(name)) {
      diagnostics.add("pipeline", "'" + name +
                                      "' cannot be the name of a step, which names its "
                                      "output folder; use letters, digits, _, - and .");
      continue;
    }
    if (name == "general" || name == "pipeline" || name == "plugins") {
      diagnostics.add("pipeline", "'" + name + "' cannot be the name of a step");
      continue;
    }
    if (!config.contains(name) || !config[name].is_object()) {
      std::vector<std::string> names;
      for (const auto& item : config.items()) names.push_back(item.key());
      const std::string nearest = nearest_name(name, names);
      diagnostics.add("pipeline", "step '" + name + "' has no section in the file" +
                                      (nearest.empty() ? "; add one named '" + name + "'"
                                                       : "; did you mean '" + nearest + "'?"));
      continue;
    }
    ordered_json& section = config[name];
    const bool typed = section.contains("pipe_step") && section["pipe_step"].is_object() &&
                       section["pipe_step"].contains("type") &&
                       section["pipe_step"]["type"].is_string();
    if (!typed) {
      diagnostics.add(name + ".pipe_step",
                      "the kind of step is missing; write \"pipe_step\": {\"type\": "
                      "\"SearchPipeStep\"} (or TrainPipeStep, EvaluatePipeStep)");
      continue;
    }
    const std::string type = section["pipe_step"]["type"].get<std::string>();
    if (!registry.find(PipeStep::kKind, type)) {
      const std::string nearest = nearest_name(type, registry.names(PipeStep::kKind));
      diagnostics.add(name + ".pipe_step.type",
                      "unknown kind of step '" + type + "'" +
                          (nearest.empty() ? "; `deneb plugins --kind pipe_step` lists them"
                                           : "; did you mean '" + nearest + "'?"));
      continue;
    }
    section["type"] = type;
  }
}

// Messages of a step's checks begin with a path within its section ("search_space.groups[0]: ..."),
// where they are about an option.
std::pair<std::string, std::string> place_and_message(const Pipeline& pipeline,
                                                      const std::string& step,
                                                      const std::string& text) {
  const std::size_t end = text.find(": ");
  const std::string key = text.substr(0, text.find_first_of(".[:"));
  if (end == std::string::npos || !pipeline.config.at(step).contains(key)) return {step, text};
  return {step + "." + text.substr(0, end), text.substr(end + 2)};
}

// Runs the checks of the constructed steps; a DataError is thrown only if nothing else is wrong.
// `data_error`: "" or one that was found before.
void check_steps(Pipeline& pipeline, const Registry& registry, std::string data_error,
                 Diagnostics& diagnostics) {
  ValidationContext context{registry, pipeline.general, resolve_device(pipeline.general.device)};
  context.findings = &pipeline.findings;
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    const std::string& step = context.step = pipeline.steps[i];
    const PipeStep& object = *pipeline.step_objects[i];
    EarlierStep done{step, pipeline.task_folder + "/output/" + step, {}, {}};
    try {
      const std::string type = pipeline.config.at(step).at("pipe_step").at("type");
      guard(registry.at(PipeStep::kKind, type).plugin, "validation of " + step, [&] {
        object.validate(context);
        done.gives = object.gives(registry);
        done.outlook = object.outlook(context);
      });
    } catch (const ConfigError& e) {
      auto [place, message] = place_and_message(pipeline, step, e.what());
      diagnostics.add(std::move(place), std::move(message));
    } catch (const DataError& e) {
      const auto [place, message] = place_and_message(pipeline, step, e.what());
      if (data_error.empty()) data_error = place + ": " + message;
    }
    context.earlier.push_back(std::move(done));
  }
  if (diagnostics.empty() && !data_error.empty()) throw DataError(data_error);
}

void check_reports(const GeneralOptions& general, const Registry& registry,
                   Diagnostics& diagnostics) {
  for (const std::string& name : general.reports) registry.at("report", name);
  for (std::size_t i = 0; i < general.report_options.size(); ++i) {
    const std::string& name = general.report_options[i].report.type;
    if (std::count(general.reports.begin(), general.reports.end(), name)) continue;
    diagnostics.add(
        "general.report_options[" + std::to_string(i) + "].report.type",
        "\"" + name + "\" is not in general.reports; add it there or remove its options");
  }
}

Pipeline build(ConfigDocument& document, const std::vector<std::string>& plugin_paths,
               Registry& registry, PluginLoader& loader, Diagnostics& diagnostics) {
  ordered_json& config = document.value;
  const fs::path base = fs::absolute(fs::path(document.file)).parent_path();
  PipelineOptions options;
  std::vector<std::string> from_file;
  for (const std::string& path : string_list(config, "plugins")) {
    from_file.push_back((base / path).lexically_normal().string());
  }
  for (const std::string& path : plugin_search_path(from_file, plugin_paths)) {
    loader.load_path(path);
  }
  if (config.contains("plugins") && config["plugins"].is_array()) config["plugins"] = from_file;
  const std::vector<std::string> steps = string_list(config, "pipeline");
  if (steps.empty()) {
    diagnostics.add("pipeline",
                    "names no step; write for example \"pipeline\": [\"nas\", "
                    "\"fully_train\"]");
  }
  lift_step_types(config, steps, registry, diagnostics);
  for (const std::string& step : steps) {
    if (!config.contains(step) || !config[step].contains("type")) continue;
    const OptionWalk& of_step = registry.at(PipeStep::kKind, config[step]["type"]).options;
    detail::make_paths_absolute(config[step], step, of_step, document, registry);
  }
  if (config.contains("general")) {
    detail::make_paths_absolute(config["general"], "general", walk(options.general), document,
                                registry);
  }
  std::set<std::string> sections(steps.begin(), steps.end());
  // A step that is not in the list rests, so that steps can be taken out and in by the list alone.
  for (auto it = config.begin(); it != config.end();) {
    const bool rests = it->is_object() && it->contains("pipe_step") && !sections.count(it.key());
    it = rests ? config.erase(it) : std::next(it);
  }
  for (const std::string& name : sections) {
    if (config.contains(name) && config[name].contains("type")) {
      options.sections.push_back({name, {}});
    } else {
      config.erase(name);  // reported above
    }
  }
  read_options(walk(options), config, "", registry, diagnostics, {"$schema"});
  Pipeline pipeline;
  pipeline.file = document.file;
  pipeline.steps = steps;
  diagnostics.throw_if_any(document.file);

  pipeline.general = options.general;
  GeneralOptions& general = pipeline.general;
  if (general.threads == 0) general.threads = available_cores();
  if (general.device == "auto") general.device = torch::cuda::is_available() ? "cuda:0" : "cpu";
  if (general.task.task_id.empty()) general.task.task_id = new_task_id();
  if (!general.cache.empty()) {
    general.cache = fs::absolute(fs::path(general.cache)).lexically_normal().string();
  }
  const std::string folder =
      fs::absolute(fs::path(general.task.local_base_path) / general.task.task_id)
          .lexically_normal()
          .string();
  options.general = general;
  check_reports(general, registry, diagnostics);
  pipeline.task_folder = folder;
  for (auto& [name, spec] : options.sections) {
    substitute(spec.options, {{"pipeline_dir", base.string()}});
  }
  pipeline.config = write_options(walk(options));
  for (const std::string& step : steps) pipeline.config[step].erase("type");
  detail::name_task_folder(pipeline, registry);
  for (const std::string& step : steps) {
    // Artifacts that an earlier run left stay out of it: validation is the same with and without.
    nlohmann::ordered_json section = pipeline.config[step];
    substitute(section, {{"local_base_path", folder}, {"data", data_root()}});
    const std::string type = section.at("pipe_step").at("type");
    pipeline.step_objects.push_back(registry.make<PipeStep>({type, section}));
  }
  Diagnostics missing;
  missing.set_lines(&document);
  detail::check_chain(pipeline, registry, diagnostics, missing);
  check_steps(pipeline, registry, missing.text(document.file), diagnostics);
  diagnostics.throw_if_any(document.file);
  return pipeline;
}

// What limits a run but leaves no trace in its results (threads: in their last digits).
const std::vector<std::string>& changeable() {
  static const std::vector<std::string> keys = {
      "workers",      "threads", "threads_per_worker", "trial_timeout",
      "max_failures", "reports", "report_options"};
  return keys;
}

bool is_at_or_below(const std::string& path, const std::string& parent) {
  if (path.compare(0, parent.size(), parent) != 0) return false;
  return path.size() == parent.size() || path[parent.size()] == '.' || path[parent.size()] == '[';
}

// ConfigError for the path of an assignment that a started task does not take any more. `from`:
// step that is to be rerun, or "".
void refuse_settled(const std::string& path, const std::vector<std::string>& steps,
                    const std::string& from) {
  std::string known;
  for (const std::string& key : changeable()) {
    if (is_at_or_below(path, "general." + key)) return;
    known += (known.empty() ? "general." : ", ") + key;
  }
  const auto first = std::find(steps.begin(), steps.end(), from);
  if (std::any_of(first, steps.end(),
                  [&](const std::string& step) { return is_at_or_below(path, step); })) {
    return;
  }
  const bool of_step = std::any_of(steps.begin(), steps.end(), [&](const std::string& step) {
    return is_at_or_below(path, step);
  });
  throw ConfigError("--set " + path + ": the results of the task depend on it; only " + known +
                    " can be changed now" +
                    (of_step ? ", and the sections of steps that --from reruns" : ""));
}

std::vector<std::string> changes_of(const ordered_json& before, const ordered_json& now) {
  std::vector<std::string> changes;
  const auto note = [&](const std::string& name, const ordered_json::json_pointer& at) {
    const ordered_json old = before.contains(at) ? before.at(at) : ordered_json();
    if (now.contains(at) && now.at(at) != old) {
      changes.push_back(name + ": " + old.dump() + ", now " + now.at(at).dump());
    }
  };
  for (const std::string& key : changeable()) {
    note("general." + key, ordered_json::json_pointer("/general/" + key));
  }
  return changes;
}

}  // namespace

void check_runnable(const Pipeline& pipeline, bool here, const std::vector<std::string>& finished) {
  std::string later, data;
  for (const Finding& finding : pipeline.findings) {
    if (std::count(finished.begin(), finished.end(), finding.step)) continue;
    const std::string text = finding.step + ": " + finding.text;
    if (finding.kind == Finding::Kind::kLater) {
      later += (later.empty() ? "" : "\n") + pipeline.file + ": " + text;
    } else if (finding.kind == Finding::Kind::kNoData ||
               (finding.kind == Finding::Kind::kNoDataHere && here)) {
      if (data.empty()) data = text;
    }
  }
  if (!later.empty()) throw ConfigError(later);
  if (!data.empty()) throw DataError(data);
}

torch::Device resolve_device(const std::string& word) {
  if (word == "auto") return torch::cuda::is_available() ? torch::kCUDA : torch::kCPU;
  if (word == "cpu") return torch::kCPU;
  int index = 0, used = 0;
  const bool indexed = std::sscanf(word.c_str(), "cuda:%3d%n", &index, &used) == 1 &&
                       used == static_cast<int>(word.size());
  if (word != "cuda" && !indexed) {
    throw ConfigError("general.device: got '" + word +
                      "', expected auto, cpu, cuda or cuda:<index>");
  }
  if (index >= static_cast<int>(torch::cuda::device_count())) {
    throw ConfigError("general.device: " + word + " is not there (" +
                      std::to_string(torch::cuda::device_count()) +
                      " CUDA devices found); use cpu or auto");
  }
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

std::string new_task_id() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40], full[48];
  std::strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &utc);
  std::snprintf(full, sizeof(full), "%s-%03d", text, static_cast<int>(ms));
  return full;
}

Pipeline load_pipeline(const std::string& file, const std::vector<std::string>& assignments,
                       const std::vector<std::string>& plugin_paths, Registry& registry,
                       PluginLoader& loader) {
  ConfigDocument document = read_config(file);
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  // So that --set general.x works on files without the section.
  if (!document.value.contains("general")) document.value["general"] = ordered_json::object();
  for (const std::string& assignment : assignments) {
    apply_assignment(document, assignment, diagnostics);
  }
  resolve_refs(document, diagnostics);
  // Of a new task only: an old one may have been moved to any place.
  const ordered_json::json_pointer id("/general/task/task_id");
  if (document.value.contains(id) && document.value[id].is_string()) {
    const std::string name = document.value[id];
    if (!name.empty() && !is_plain_file_name(name)) {
      diagnostics.add("general.task.task_id",
                      "'" + name +
                          "' cannot be the name of the task's folder; use letters, digits, _, - "
                          "and .");
    }
  }
  return build(document, plugin_paths, registry, loader, diagnostics);
}

PluginSpec report_spec(const ordered_json& config, const std::string& name) {
  const ordered_json::json_pointer at("/general/report_options");
  if (config.contains(at) && config[at].is_array()) {
    for (const ordered_json& section : config[at]) {
      ordered_json options = section.value("report", ordered_json::object());
      if (options.value("type", "") != name) continue;
      options.erase("type");
      return {name, options};
    }
  }
  return {name, nlohmann::json::object()};
}

Pipeline load_task(const std::string& task_folder, const std::vector<std::string>& assignments,
                   const std::string& from_step, const std::vector<std::string>& plugin_paths,
                   Registry& registry, PluginLoader& loader) {
  const std::string file = task_folder + "/config.resolved.json";
  if (!fs::exists(file)) {
    throw ConfigError(task_folder +
                      ": is no Deneb task (it has no config.resolved.json); give the "
                      "folder that `deneb run` printed");
  }
  // Whatever the working directory is, and wherever the folder lies by now.
  const fs::path folder = fs::canonical(task_folder);
  ConfigDocument document = read_config(file);
  const ordered_json before = document.value;
  document.value["general"]["task"] = {{"local_base_path", folder.parent_path().string()},
                                       {"task_id", folder.filename().string()}};
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  for (const std::string& assignment : assignments) {
    const std::string path = assignment.substr(0, assignment.find('='));
    refuse_settled(path, string_list(before, "pipeline"), from_step);
    apply_assignment(document, assignment, diagnostics);
  }
  Pipeline pipeline = build(document, plugin_paths, registry, loader, diagnostics);
  if (!assignments.empty()) pipeline.changes = changes_of(before, pipeline.config);
  return pipeline;
}

}  // namespace deneb
