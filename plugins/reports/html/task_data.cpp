#include "task_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include <deneb/quant/format.h>

#include "charts/thin.h"
#include "text.h"
#include "trial_facts.h"
#include "words.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;

/// Text at a path of keys: a string, a number, or the "type" of an object.
std::string text_at(const ordered_json& json, std::initializer_list<const char*> keys) {
  const ordered_json* at = &json;
  for (const char* key : keys) {
    if (!at->is_object() || !at->contains(key)) return "";
    at = &(*at)[key];
  }
  if (at->is_object()) {
    for (const char* key : {"type", "model", "name"}) {
      if (at->contains(key) && (*at)[key].is_string()) return (*at)[key].get<std::string>();
    }
    return "";
  }
  if (at->is_string()) return at->get<std::string>();
  return at->is_number() ? at->dump() : "";
}

double number_at(const ordered_json& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? object[key].get<double>() : 0;
}

std::vector<LayerFacts> layers_of(const StepRow& step) {
  std::vector<LayerFacts> layers;
  if (!step.info.is_object() || !step.info.contains("network")) return layers;
  const auto& network = step.info["network"];
  if (!network.is_object() || !network.contains("layers")) return layers;
  for (const auto& item : network["layers"]) {
    LayerFacts layer;
    layer.name = text_at(item, {"name"});
    if (layer.name.empty()) continue;
    layer.op = text_at(item, {"op"});
    layer.macs = number_at(item, "macs");
    layer.weights = number_at(item, "weights");
    layer.pinned = item.contains("pinned") && item["pinned"] == true;
    layers.push_back(layer);
  }
  return layers;
}

/// Figures or heat maps. What cannot be read is left out, as of a newer or a strange plugin: the
/// rest is still worth showing.
template <class Drawing>
std::vector<Drawing> read_drawings(const StepRow& step, const char* key,
                                   Drawing (*read)(const ordered_json&)) {
  std::vector<Drawing> drawings;
  if (!step.info.is_object() || !step.info.contains(key)) return drawings;
  for (const auto& item : step.info[key]) {
    try {
      drawings.push_back(read(item));
    } catch (const DataError&) {
      continue;
    }
  }
  return drawings;
}

std::vector<ReferenceCosts> references_of(const StepRow& step) {
  std::vector<ReferenceCosts> references;
  if (!step.info.is_object() || !step.info.contains("reference_costs")) return references;
  for (const auto& [name, costs] : step.info["reference_costs"].items()) {
    ReferenceCosts reference{name, {}};
    if (!costs.is_object()) continue;
    for (const auto& [cost, value] : costs.items()) {
      if (value.is_number()) reference.costs[cost] = value.get<double>();
    }
    references.push_back(std::move(reference));
  }
  return references;
}

/// Layer names of the policies, for a step that has not described its network.
std::vector<LayerFacts> layers_of(const std::vector<ResultRow>& trials) {
  std::vector<LayerFacts> layers;
  std::set<std::string> known;
  for (const ResultRow& trial : trials) {
    for (const auto& item : trial.policy) {
      LayerFacts layer;
      layer.name = text_at(item, {"name"});
      if (!layer.name.empty() && known.insert(layer.name).second) layers.push_back(layer);
    }
  }
  return layers;
}

/// Objectives for a step that has not told any: accuracy, and the first cost whose name is known.
std::vector<Objective> default_objectives(const std::vector<ResultRow>& trials) {
  std::vector<Objective> objectives;
  const auto names = metric_names(trials, {});
  const auto known = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (known("accuracy")) objectives.push_back({"accuracy", Direction::kMaximize});
  for (const Word& word : words()) {
    if (word.less.empty() || !known(word.name)) continue;
    objectives.push_back({word.name, Direction::kMinimize});
    break;
  }
  return objectives;
}

int bits_of(const std::string& word) {
  try {
    return Format::parse(word).bits;
  } catch (const Error&) {
    return 0;
  }
}

void read_front(StepData& step) {
  for (const ResultRow& trial : step.trials) {
    if (trial.front) step.front.push_back(&trial);
  }
  if (step.objectives.empty()) return;
  const auto minimized = std::find_if(
      step.objectives.begin(), step.objectives.end(),
      [](const Objective& objective) { return objective.direction == Direction::kMinimize; });
  const std::string cost =
      minimized == step.objectives.end() ? step.objectives.back().name : minimized->name;
  const auto value = [&](const ResultRow* trial) {
    return metric_of(*trial, cost).value_or(std::numeric_limits<double>::infinity());
  };
  std::stable_sort(step.front.begin(), step.front.end(),
                   [&](const ResultRow* a, const ResultRow* b) { return value(a) < value(b); });
}

bool is_pareto(const StepData& step) {
  if (!step.search) return false;
  std::vector<std::vector<double>> rows;
  std::vector<std::size_t> members;
  for (const ResultRow& trial : step.trials) {
    if (trial.front) members.push_back(rows.size());
    rows.emplace_back();
    for (const Objective& objective : step.objectives) {
      const auto value = metric_of(trial, objective.name);
      rows.back().push_back(trial.status == "finished" && value ? *value : std::nan(""));
    }
  }
  return is_pareto_front(members, rows, step.objectives);
}

/// The trials of a table that holds `most` rows: those marked or the baselines, some that failed,
/// and the best by the first objective. More marked ones than rows: at even distances by cost.
std::vector<std::size_t> rows_to_show(const StepData& step, std::size_t most) {
  const std::size_t count = step.trials.size(), marked = step.front.size();
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  if (most == 0 || count <= most) return order;
  constexpr double kFirst = -std::numeric_limits<double>::max();
  std::vector<double> keys(count, std::numeric_limits<double>::infinity());
  std::size_t failed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const ResultRow& trial = step.trials[i];
    const bool bad = trial.status != "finished" && trial.status != "running";
    if (!step.search && is_baseline(trial)) {
      keys[i] = kFirst;
    } else if (bad && failed < kFailedShown) {
      keys[i] = kFirst / 2;
      ++failed;
    } else if (!bad && !step.objectives.empty()) {
      const Objective& first = step.objectives.front();
      const auto value = metric_of(trial, first.name);
      if (value) keys[i] = first.direction == Direction::kMinimize ? *value : -*value;
    }
  }
  const std::size_t wanted = std::min(marked, most);
  for (std::size_t k = 0; k < wanted; ++k) {
    const std::size_t member = wanted > 1 ? k * (marked - 1) / (wanted - 1) : 0;
    keys[static_cast<std::size_t>(step.front[member] - step.trials.data())] = kFirst;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  order.resize(most);
  std::sort(order.begin(), order.end());
  return order;
}

/// Which layers are pinned is known to the search alone; the models of later steps have the same.
void copy_pins(const std::vector<StepData>& before, StepData& step) {
  for (const StepData& other : before) {
    for (const LayerFacts& theirs : other.layers) {
      for (LayerFacts& ours : step.layers) {
        if (ours.name == theirs.name) ours.pinned = ours.pinned || theirs.pinned;
      }
    }
  }
}

void borrow_baselines(std::vector<StepData>& steps) {
  for (StepData& step : steps) {
    if (step.search) continue;
    std::set<std::string> known;
    for (const ResultRow& trial : step.trials) known.insert(trial.origin);
    for (const StepData& other : steps) {
      if (&other == &step || other.search) continue;
      for (const ResultRow& trial : other.trials) {
        const bool usable = trial.status == "finished" && is_baseline(trial);
        if (usable && known.insert(trial.origin).second) step.baselines.push_back(trial);
      }
    }
  }
}

std::string status_of(const std::vector<StepData>& steps, std::size_t planned) {
  if (steps.empty()) return "not started";
  for (const char* status : {"running", "failed", "interrupted"}) {
    for (const StepData& step : steps) {
      if (step.row.status == status) return status;
    }
  }
  return steps.size() < planned ? "between steps" : steps.back().row.status;
}

}  // namespace

std::size_t StepData::count(const std::string& status) const {
  return static_cast<std::size_t>(std::count_if(
      trials.begin(), trials.end(), [&](const ResultRow& t) { return t.status == status; }));
}

std::vector<LayerBits> StepData::bits(const ResultRow& trial) const {
  std::map<std::string, LayerBits> listed;
  for (const auto& item : trial.policy) {
    LayerBits bits;
    bits.weight = text_at(item, {"weight"});
    bits.activation = text_at(item, {"activation"});
    bits.weight_bits = bits_of(bits.weight);
    bits.activation_bits = bits_of(bits.activation);
    listed[text_at(item, {"name"})] = bits;
  }
  std::vector<LayerBits> all;
  for (const LayerFacts& layer : layers) {
    const auto found = listed.find(layer.name);
    all.push_back(found == listed.end() ? LayerBits{} : found->second);
  }
  return all;
}

const ResultRow* StepData::float_model() const {
  for (const auto* rows : {&trials, &baselines}) {
    for (const ResultRow& trial : *rows) {
      if (trial.status == "finished" && trial.encoding == "float32") return &trial;
    }
  }
  return nullptr;
}

double StepData::float_cost(const std::string& cost) const {
  if (const ResultRow* model = float_model()) {
    if (const auto value = metric_of(*model, cost)) return *value;
  }
  for (const ReferenceCosts& reference : references) {
    const auto found = reference.costs.find(cost);
    if (reference.name == "float32" && found != reference.costs.end()) return found->second;
  }
  return -1;
}

std::vector<std::string> StepData::costs() const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    const bool cost = direction_of(objectives, name) == Direction::kMinimize;
    if (!known && cost && float_cost(name) > 0) names.push_back(name);
  };
  for (const Objective& objective : objectives) add(objective.name);
  for (const Word& word : words()) add(word.name);
  for (const ReferenceCosts& reference : references) {
    for (const auto& entry : reference.costs) add(entry.first);
  }
  return names;
}

std::vector<const StepData*> TaskData::by_interest() const {
  std::vector<const StepData*> after, searches, before;
  for (const StepData& step : steps) {
    (step.search ? searches : searches.empty() ? before : after).push_back(&step);
  }
  after.insert(after.end(), searches.begin(), searches.end());
  after.insert(after.end(), before.begin(), before.end());
  return after;
}

std::string trial_text(const StepData& step, const ResultRow& trial) {
  constexpr std::size_t kLongest = 160;  // of the widths: a tooltip has no room for a long network
  std::string text = (step.search ? "trial " : "model ") + std::to_string(trial.id) + " (" +
                     trial.origin + ")" +
                     (trial.step == step.row.name ? "" : " of step " + trial.step);
  if (trial.status != "finished") text += "\n" + trial.status + ": " + trial.message;
  for (const Objective& objective : step.objectives) {
    const auto value = metric_of(trial, objective.name);
    text += "\n" + metric_label(objective.name, !step.search) + ": " +
            (value ? metric_text(objective.name, *value) : "none");
  }
  return text + "\n" +
         (trial.encoding.size() <= kLongest ? trial.encoding
                                            : trial.encoding.substr(0, kLongest) + " ...");
}

namespace {

/// Names of the step's algorithm, network and dataset, from its info or the configuration.
void read_names(const ReportInput& input, StepData& step) {
  const auto name = [&](const char* info, const char* config) {
    const std::string told = text_at(step.row.info, {info});
    return told.empty() ? text_at(input.config, {step.row.name.c_str(), config}) : told;
  };
  step.network = name("network", "network");
  step.dataset = name("dataset", "dataset");
  if (step.search) step.algorithm = name("algorithm", "search_algorithm");
}

StepData read_step(const ReportInput& input, StepRow row, std::size_t max_rows) {
  StepData step;
  step.trials = input.store.trials(row.name, TrialStore::Policies::kFront);
  step.search = is_search(row);
  step.benchmark = text_at(row.info, {"evaluated_on"}) == "test";
  step.objectives = objectives_of(row);
  if (step.objectives.empty()) step.objectives = default_objectives(step.trials);
  step.figures = read_drawings(row, "figures", figure_from_json);
  for (Figure& figure : step.figures) thin_lines(figure);
  step.heat_maps = read_drawings(row, "heat_maps", heat_map_from_json);
  step.references = references_of(row);
  step.ranks = rank_correlations(row, step.trials);
  read_front(step);
  step.pareto = is_pareto(step);
  step.shown = rows_to_show(step, max_rows);
  for (const std::size_t i : step.shown) {
    ResultRow& trial = step.trials[i];
    if (trial.front) continue;  // has its policy
    if (auto whole = input.store.trial(row.name, trial.id)) trial.policy = std::move(whole->policy);
  }
  step.layers = layers_of(row);
  if (step.layers.empty()) step.layers = layers_of(step.trials);
  if (!step.search) {
    for (const std::size_t i : step.shown) {
      auto epochs = input.store.epochs(row.name, step.trials[i].id);
      if (!epochs.empty()) step.epochs[step.trials[i].id] = std::move(epochs);
    }
  }
  step.row = std::move(row);
  read_names(input, step);
  return step;
}

}  // namespace

void read_task(const ReportInput& input, std::size_t max_rows, TaskData& data) {
  std::filesystem::path folder(input.task_folder);
  if (!folder.has_filename()) folder = folder.parent_path();
  data.task = std::filesystem::absolute(folder).filename().string();
  data.seed = text_at(input.config, {"general", "seed"});
  std::set<std::string> algorithms;
  for (StepRow& row : input.store.steps()) {
    StepData step = read_step(input, std::move(row), max_rows);
    if (!step.search) copy_pins(data.steps, step);
    if (data.network.empty()) data.network = step.network;
    if (data.dataset.empty()) data.dataset = step.dataset;
    if (!step.algorithm.empty() && algorithms.insert(step.algorithm).second) {
      data.algorithm += (data.algorithm.empty() ? "" : ", ") + step.algorithm;
    }
    if (data.started.empty()) data.started = step.row.started;
    data.finished = step.row.finished;
    data.steps.push_back(std::move(step));
  }
  borrow_baselines(data.steps);
  const std::size_t planned = input.config.is_object() && input.config.contains("pipeline")
                                  ? input.config["pipeline"].size()
                                  : 0;
  data.status = status_of(data.steps, planned);
}

}  // namespace deneb::reports
