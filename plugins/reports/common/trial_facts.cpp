#include "trial_facts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <deneb/io/files.h>
#include <deneb/io/json.h>

namespace deneb::reports {
namespace {

namespace fs = std::filesystem;

std::string word(const nlohmann::ordered_json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return "";
  return object[key].get<std::string>();
}

/// The trial that a policy file belongs to: what its provenance says, else its name; 0 = none.
std::int64_t trial_of(const fs::path& file) {
  const auto json = parse_ordered_json(read_file(file.string()));
  if (json.is_object() && json.contains("provenance") && json["provenance"].is_object()) {
    const auto& provenance = json["provenance"];
    if (provenance.contains("trial") && provenance["trial"].is_number_integer()) {
      return provenance["trial"].get<std::int64_t>();
    }
  }
  const std::string stem = file.stem().string();
  std::int64_t id = 0;
  const auto end = std::from_chars(stem.data(), stem.data() + stem.size(), id).ptr;
  return end == stem.data() + stem.size() ? id : 0;
}

}  // namespace

bool is_search(const StepRow& step) {
  if (step.type.rfind("Search", 0) == 0) return true;
  if (step.type.rfind("Train", 0) == 0 || step.type.rfind("Evaluate", 0) == 0) return false;
  // A step type of a plugin: one that names an algorithm searches.
  return step.info.is_object() && step.info.contains("algorithm");
}

std::vector<Objective> objectives_of(const StepRow& step) {
  std::vector<Objective> objectives;
  if (!step.info.is_object() || !step.info.contains("objectives")) return objectives;
  for (const auto& item : step.info["objectives"]) {
    Objective objective;
    objective.name = word(item, "name");
    if (objective.name.empty()) continue;
    const std::string direction = word(item, "direction");
    objective.direction = direction.empty() ? direction_of({}, objective.name)
                          : direction == "min" || direction == "MIN" ? Direction::kMinimize
                                                                     : Direction::kMaximize;
    objectives.push_back(objective);
  }
  return objectives;
}

Direction direction_of(const std::vector<Objective>& objectives, const std::string& metric) {
  for (const Objective& objective : objectives) {
    if (objective.name == metric) return objective.direction;
  }
  return metric.find("accuracy") != std::string::npos ? Direction::kMaximize : Direction::kMinimize;
}

std::optional<double> metric_of(const ResultRow& trial, const std::string& name) {
  if (!trial.metrics.is_object()) return std::nullopt;
  const auto it = trial.metrics.find(name);
  if (it == trial.metrics.end() || !it->is_number()) return std::nullopt;
  const double value = it->get<double>();
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::vector<std::string> metric_names(const std::vector<ResultRow>& trials,
                                      std::vector<std::string> first) {
  for (const ResultRow& trial : trials) {
    if (!trial.metrics.is_object()) continue;
    for (auto it = trial.metrics.begin(); it != trial.metrics.end(); ++it) {
      if (std::find(first.begin(), first.end(), it.key()) == first.end()) first.push_back(it.key());
    }
  }
  return first;
}

std::map<std::int64_t, std::string> policy_paths(const std::string& task_folder,
                                                 const std::string& step,
                                                 const std::vector<ResultRow>& trials) {
  const fs::path folder = fs::path(task_folder) / "output" / step;
  std::map<std::int64_t, std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "policies", error)) {
    if (entry.path().extension() != ".json") continue;
    const std::int64_t id = trial_of(entry.path());
    if (id <= 0) continue;
    // A search may put one policy forward under several names.
    const std::string path = "policies/" + entry.path().filename().string();
    const auto known = paths.emplace(id, path).first;
    known->second = std::min(known->second, path);
  }
  if (!fs::exists(folder / "models", error)) return paths;
  for (const ResultRow& trial : trials) {
    const std::string path = "models/" + std::to_string(trial.id) + "/policy.json";
    if (paths.count(trial.id) == 0 && fs::exists(folder / path, error)) paths[trial.id] = path;
  }
  return paths;
}

bool is_baseline(const ResultRow& trial) {
  return trial.origin == "float32" || trial.origin.rfind("uniform ", 0) == 0;
}

bool was_tried(const ResultRow& trial) { return trial.status != "finished" || trial.seconds > 0; }

const ResultRow* best_model(const std::vector<ResultRow>& models, const Objective& objective) {
  const std::string name = "validation_" + objective.name;
  const double sign = objective.direction == Direction::kMaximize ? 1 : -1;
  const ResultRow* best = nullptr;
  for (const bool baselines : {false, true}) {
    for (const ResultRow& model : models) {
      const auto value = metric_of(model, name);
      if (model.status != "finished" || !value || is_baseline(model) != baselines) continue;
      if (!best || sign * *value > sign * *metric_of(*best, name)) best = &model;
    }
    if (best) break;
  }
  return best;
}

std::vector<std::int64_t> best_ids(const StepRow& step, const std::vector<ResultRow>& trials) {
  std::vector<std::int64_t> ids;
  for (const ResultRow& trial : trials) {
    if (trial.front) ids.push_back(trial.id);
  }
  if (!ids.empty() || is_search(step)) return ids;
  const std::vector<Objective> objectives = objectives_of(step);
  const Objective first =
      objectives.empty() ? Objective{"accuracy", Direction::kMaximize} : objectives[0];
  if (const ResultRow* best = best_model(trials, first)) ids.push_back(best->id);
  return ids;
}

std::string exact_text(double value) {
  char text[32];
  if (value == std::floor(value) && std::fabs(value) < 1e15) {
    const auto whole = static_cast<std::int64_t>(value);
    return {text, std::to_chars(text, text + sizeof(text), whole).ptr};
  }
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

}  // namespace deneb::reports
