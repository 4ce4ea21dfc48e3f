#include "task_read.h"

#include <algorithm>
#include <cctype>

#include <deneb/io/artifact.h>

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;

std::string name_at(const TaskRead& task, const std::string& step, int depth) {
  const ordered_json& section = task.section(step);
  std::string name;
  if (section.contains("search_algorithm")) name = text_of(section["search_algorithm"], "type");
  if (name.empty()) name = step;
  const auto sources = sources_of(task, step, false);
  if (sources.empty() || depth > 8) return name;
  // One that applies what an earlier run of it has found is the same search.
  const std::string source = name_at(task, sources.front(), depth + 1);
  const std::string tail = " + " + name;
  const bool same =
      source == name || (source.size() > tail.size() &&
                         source.compare(source.size() - tail.size(), tail.size(), tail) == 0);
  return same ? source : source + tail;
}

const ResultRow* row_of(const TaskRead& task, const std::string& step, const std::string& id) {
  const auto trials = task.trials.find(step);
  if (trials == task.trials.end()) return nullptr;
  for (const ResultRow& row : trials->second) {
    if (std::to_string(row.id) == id) return &row;
  }
  return nullptr;
}

std::string search_at(const TaskRead& task, const ResultRow& model, int depth) {
  const auto origin = parse_origin(model.origin);
  if (!origin || depth > 32) return "";
  if (task.searches(origin->first)) return origin->first;
  const ResultRow* before = row_of(task, origin->first, origin->second);
  return before ? search_at(task, *before, depth + 1) : "";
}

}  // namespace

const ordered_json& TaskRead::section(const std::string& step) const {
  static const ordered_json none = ordered_json::object();
  return task->config.contains(step) ? task->config[step] : none;
}

bool TaskRead::searches(const std::string& step) const {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const StepRow& row) { return row.name == step; });
  return found != steps.end() && is_search(*found);
}

std::string text_of(const ordered_json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : "";
}

std::vector<std::string> sources_of(const TaskRead& task, const std::string& step,
                                    bool benchmarks) {
  std::vector<std::string> sources;
  const ordered_json& section = task.section(step);
  if (!section.contains("search_algorithm")) return sources;
  const auto add_step = [&](const std::string& name, const std::string& kind) {
    if (!task.task->config.contains(name)) return;
    if (benchmarks || kind != "benchmark") sources.push_back(name);
  };
  const auto add = [&](const ordered_json& value) {
    if (!value.is_string()) return;
    const auto reference = parse_artifact_reference(value.get<std::string>());
    if (reference) add_step(reference->step, reference->kind);
  };
  for (const auto& [key, value] : section["search_algorithm"].items()) {
    if (value.is_array()) {
      for (const auto& item : value) add(item);
    } else {
      add(value);
    }
  }
  for (const StepRow& row : task.steps) {
    if (row.name != step || !row.info.is_object() || !row.info.contains("inputs")) continue;
    for (const auto& [kind, name] : row.info["inputs"].items()) {
      if (name.is_string()) add_step(name.get<std::string>(), kind);
    }
  }
  return sources;
}

void add_chain(const TaskRead& task, const std::string& step, std::set<std::string>& chain) {
  if (!chain.insert(step).second) return;
  for (const std::string& source : sources_of(task, step, true)) add_chain(task, source, chain);
}

std::string search_name(const TaskRead& task, const std::string& step) {
  return name_at(task, step, 0);
}

std::string training_key(const TaskRead& task, const std::string& step) {
  ordered_json section = task.section(step);
  for (const char* key : {"pipe_step", "policy", "uniform", "cost_models", "evaluator"}) {
    section.erase(key);
  }
  if (section.contains("data_loader")) {
    for (const char* key : {"workers", "eval_batch_size"}) section["data_loader"].erase(key);
  }
  return section.dump();
}

std::optional<std::pair<std::string, std::string>> parse_origin(const std::string& origin) {
  const std::string first = origin.substr(0, origin.find(", "));
  const std::size_t slash = first.find('/');
  if (slash == std::string::npos || slash == 0) return std::nullopt;
  return std::pair{first.substr(0, slash), first.substr(slash + 1)};
}

std::string uniform_name(const std::string& origin) {
  const std::size_t at = origin.find("uniform w");
  if (at == std::string::npos) return "";
  std::string name = origin.substr(at + 8, origin.find(',', at) - at - 8);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name == "W32A32" ? "" : name;
}

bool is_float(const ResultRow& model) {
  return model.encoding == "float32" || model.origin.find("uniform w32a32") != std::string::npos;
}

std::string search_of(const TaskRead& task, const ResultRow& model) {
  return search_at(task, model, 0);
}

}  // namespace deneb::reports
