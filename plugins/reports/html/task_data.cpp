#include "task_data.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include <deneb/quant/format.h>

#include "../common/trial_facts.h"

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

std::vector<Figure> read_figures(const StepRow& step) {
  std::vector<Figure> figures;
  if (!step.info.is_object() || !step.info.contains("figures")) return figures;
  for (const auto& item : step.info["figures"]) {
    try {
      figures.push_back(figure_from_json(item));
    } catch (const DataError&) {  // of a newer or a strange plugin: the rest is still worth showing
    }
  }
  return figures;
}

/// Layer names of the policies, for a step that has not described its network.
std::vector<LayerFacts> layers_of(const std::vector<TrialRow>& trials) {
  std::vector<LayerFacts> layers;
  std::set<std::string> known;
  for (const TrialRow& trial : trials) {
    for (const auto& item : trial.policy) {
      LayerFacts layer;
      layer.name = text_at(item, {"name"});
      if (!layer.name.empty() && known.insert(layer.name).second) layers.push_back(layer);
    }
  }
  return layers;
}

/// Objectives for a step that has not told any: accuracy and the first cost that its trials have.
std::vector<Objective> default_objectives(const std::vector<TrialRow>& trials) {
  std::vector<Objective> objectives;
  const auto names = metric_names(trials, {});
  const auto known = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (known("accuracy")) objectives.push_back({"accuracy", Direction::kMaximize});
  for (const char* cost : {"bitops", "flops", "size", "params"}) {
    if (!known(cost)) continue;
    objectives.push_back({cost, Direction::kMinimize});
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
  for (const TrialRow& trial : step.trials) {
    if (trial.front) step.front.push_back(&trial);
  }
  if (step.objectives.empty()) return;
  const auto minimized = std::find_if(
      step.objectives.begin(), step.objectives.end(),
      [](const Objective& objective) { return objective.direction == Direction::kMinimize; });
  const std::string cost =
      minimized == step.objectives.end() ? step.objectives.back().name : minimized->name;
  const auto value = [&](const TrialRow* trial) {
    return metric_of(*trial, cost).value_or(std::numeric_limits<double>::infinity());
  };
  std::stable_sort(step.front.begin(), step.front.end(),
                   [&](const TrialRow* a, const TrialRow* b) { return value(a) < value(b); });
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
    for (const TrialRow& trial : step.trials) known.insert(trial.origin);
    for (const StepData& other : steps) {
      if (&other == &step || other.search) continue;
      for (const TrialRow& trial : other.trials) {
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
      trials.begin(), trials.end(), [&](const TrialRow& t) { return t.status == status; }));
}

std::vector<LayerBits> StepData::bits(const TrialRow& trial) const {
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

std::vector<const StepData*> TaskData::by_interest() const {
  std::vector<const StepData*> after, searches, before;
  for (const StepData& step : steps) {
    (step.search ? searches : searches.empty() ? before : after).push_back(&step);
  }
  after.insert(after.end(), searches.begin(), searches.end());
  after.insert(after.end(), before.begin(), before.end());
  return after;
}

void read_task(const ReportInput& input, TaskData& data) {
  std::filesystem::path folder(input.task_folder);
  if (!folder.has_filename()) folder = folder.parent_path();
  data.task = std::filesystem::absolute(folder).filename().string();
  data.seed = text_at(input.config, {"general", "seed"});
  for (StepRow& row : input.store.steps()) {
    StepData step;
    step.trials = input.store.trials(row.name);
    step.search = is_search(row);
    step.objectives = objectives_of(row);
    if (step.objectives.empty()) step.objectives = default_objectives(step.trials);
    step.figures = read_figures(row);
    step.ranks = rank_correlations(row, step.trials);
    step.layers = layers_of(row);
    if (step.layers.empty()) step.layers = layers_of(step.trials);
    if (!step.search) {
      copy_pins(data.steps, step);
      for (const TrialRow& trial : step.trials) {
        auto epochs = input.store.epochs(row.name, trial.id);
        if (!epochs.empty()) step.epochs[trial.id] = std::move(epochs);
      }
    }
    const auto first_of = [&](std::string& target, const char* info, const char* config) {
      if (target.empty()) target = text_at(row.info, {info});
      if (target.empty()) target = text_at(input.config, {row.name.c_str(), config});
    };
    first_of(data.network, "network", "network");
    first_of(data.dataset, "dataset", "dataset");
    first_of(data.algorithm, "algorithm", "search_algorithm");
    if (data.started.empty()) data.started = row.started;
    data.finished = row.finished;
    step.row = std::move(row);
    data.steps.push_back(std::move(step));
  }
  for (StepData& step : data.steps) read_front(step);
  borrow_baselines(data.steps);
  const std::size_t planned = input.config.is_object() && input.config.contains("pipeline")
                                  ? input.config["pipeline"].size()
                                  : 0;
  data.status = status_of(data.steps, planned);
}

double bitops_of(const std::vector<LayerFacts>& layers, const std::vector<LayerBits>& bits) {
  double sum = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    sum += layers[i].macs * bits[i].weight_bits * bits[i].activation_bits;
  }
  return sum;
}

double size_of(const std::vector<LayerFacts>& layers, const std::vector<LayerBits>& bits) {
  double sum = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    sum += layers[i].weights * bits[i].weight_bits;
  }
  return sum;
}

}  // namespace deneb::reports
