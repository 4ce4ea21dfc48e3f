#include "pipeline/model_list.h"

#include <deneb/quant/policy_file.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace deneb::detail {
namespace {

namespace fs = std::filesystem;

// Files of one folder, numbers in numeric order: 2.json before 12.json.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.stem().string(), y = b.stem().string();
    return std::make_pair(x.size(), x) < std::make_pair(y.size(), y);
  });
  return entries;
}

// What an earlier step left: policies/<name>.json of a search, models/<id>/ of a training.
std::vector<ModelTask> models_in(const std::string& folder, const std::string& label,
                                 bool load_weights) {
  std::vector<ModelTask> models;
  if (fs::is_directory(folder + "/models")) {
    for (const fs::path& entry : sorted_entries(folder + "/models")) {
      if (!fs::exists(entry / "policy.json")) continue;  // not finished
      ModelTask task;
      task.origin = label + "/" + entry.filename().string();
      task.policy = read_policy_file((entry / "policy.json").string()).policy;
      const std::string weights = (entry / "weights.safetensors").string();
      if (load_weights && fs::exists(weights)) task.weights = weights;
      models.push_back(task);
    }
  } else if (fs::is_directory(folder + "/policies")) {
    for (const fs::path& entry : sorted_entries(folder + "/policies")) {
      if (entry.extension() != ".json") continue;
      const PolicyFile file = read_policy_file(entry.string());
      ModelTask task;
      task.origin = label + "/" + entry.stem().string();
      task.policy = file.policy;
      const auto found = file.provenance.find("weights");
      const std::string weights =
          found != file.provenance.end() && found->is_string() ? found->get<std::string>() : "";
      // What lies in the step's folder is named relative to the file, so that tasks can be moved.
      if (load_weights && !weights.empty()) {
        task.weights = (entry.parent_path() / weights).lexically_normal().string();
      }
      models.push_back(task);
    }
  }
  return models;
}

// Evenly over the models in the order of their first cost; the cheapest and the dearest are in.
std::vector<ModelTask> spread(std::vector<ModelTask> models, std::size_t count,
                              const SectionParts& parts) {
  std::map<std::string, double> cost;
  const std::vector<std::string> costs = parts.table_costs();
  for (const ModelTask& m : models) {
    if (costs.empty()) break;  // they stay in the order of their names
    cost[m.origin] = parts.cost_model(costs.front()).total(parts.network_info(), m.policy);
  }
  std::stable_sort(models.begin(), models.end(), [&](const ModelTask& a, const ModelTask& b) {
    return cost[a.origin] < cost[b.origin];
  });
  if (count == 0 || models.size() <= count) return models;
  if (count == 1) return {models[models.size() / 2]};
  std::vector<ModelTask> kept;
  for (std::size_t i = 0; i < count; ++i) {
    kept.push_back(models[i * (models.size() - 1) / (count - 1)]);
  }
  return kept;
}

// A search that found the policy itself: one training serves both.
void add_unless_there(std::vector<ModelTask>& models, const ModelTask& task) {
  const auto same = std::find_if(models.begin(), models.end(), [&](const ModelTask& m) {
    return m.weights.empty() && m.policy == task.policy;
  });
  if (same == models.end()) {
    models.push_back(task);
  } else if (same->origin != task.origin) {
    same->origin += ", " + task.origin;
  }
}

std::string label_of(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::string nothing_in(const std::string& folder) {
  return "no policy and no model lies in " + folder +
         "; run the step that makes them first, or set pipe_step.models_folder";
}

ModelTask float_model() {
  ModelTask task;
  task.origin = "float32";
  return task;
}

// w4a4, or by name where it has small floats: e2m1, e2m1/int8.
std::string text_of(const UniformOptions& o) {
  if (o.weight.empty() && o.activation.empty()) {
    return "w" + std::to_string(o.weight_bits) + "a" + std::to_string(o.activation_bits);
  }
  const auto word = [](const std::string& format, int bits) {
    return format.empty() ? Format::of_width(bits, true).text() : format;
  };
  const std::string weight = word(o.weight, o.weight_bits);
  const std::string activation = word(o.activation, o.activation_bits);
  return weight == activation ? weight : weight + "/" + activation;
}

// The policy file and the uniform policies of the section.
void add_named_models(const TrainStepOptions& options, const SectionParts& parts,
                      std::vector<ModelTask>& models) {
  if (!options.policy.empty()) {
    ModelTask task;
    task.origin = fs::path(options.policy).stem().string();
    task.policy = read_policy_file(options.policy).policy;
    add_unless_there(models, task);
  }
  for (const UniformOptions& u : options.uniform) {
    check_baseline(u, parts.network_info());
    ModelTask task;
    task.origin = "uniform " + text_of(u);
    task.policy = baseline_policy(u, parts.network_info());
    add_unless_there(models, task);
  }
}

}  // namespace

BitPolicy baseline_policy(const UniformOptions& o, const NetworkInfo& network) {
  const auto format = [](const char* key, const std::string& word, int bits, bool is_signed) {
    if (word == "search") return Format::of_width(bits, is_signed);
    try {
      const Format parsed = Format::parse(word);
      return parsed.is_integer() ? Format::integer(parsed.bits, is_signed) : parsed;
    } catch (const ConfigError& e) {
      throw ConfigError(std::string("uniform.") + key + ": " + e.what());
    }
  };
  BitPolicy policy;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const LayerInfo& layer = network.layers[i];
    const bool is_first = i == 0, is_last = i + 1 == network.layers.size();
    const char* key = is_first ? "first_layer" : "last_layer";
    const std::string word = is_first ? o.first_layer : is_last ? o.last_layer : "search";
    const auto side = [&](const char* own_key, const std::string& own, int bits, bool is_signed) {
      const bool by_name = word == "search" && !own.empty();
      return format(by_name ? own_key : key, by_name ? own : word, bits, is_signed);
    };
    policy.set(layer.name,
               {side("weight", o.weight, o.weight_bits, true),
                side("activation", o.activation, o.activation_bits, layer.signed_input)});
  }
  return policy;
}

void check_baseline(const UniformOptions& o, const NetworkInfo& network) {
  const auto& layers = network.layers;
  const auto end_format = [&](std::size_t i) { return i == 0 ? o.first_layer : o.last_layer; };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool inner = i > 0 && i + 1 < layers.size();
    if (inner || end_format(i) == "search") return;
  }
  throw ConfigError("uniform: " + network.model + " has " + std::to_string(layers.size()) +
                    " layers, all of which keep the formats of first_layer and last_layer (" +
                    o.first_layer + ", " + o.last_layer +
                    "); set one of these to \"search\", so that it has the widths asked for");
}

std::vector<ModelTask> collect_models(const TrainStepOptions& options, const RunContext& context,
                                      const SectionParts& parts, const std::string& kind) {
  std::vector<ModelTask> models;
  const TrainStepBlock& block = options.pipe_step;
  std::string folder = block.models_folder;
  if (folder.empty() && !kind.empty()) folder = context.input(kind);
  if (!folder.empty()) {
    models = models_in(folder, label_of(folder), block.load_weights);
    if (models.empty()) {
      throw RunError("step " + context.step + ": " + nothing_in(folder));
    }
    models = spread(std::move(models), static_cast<std::size_t>(block.max_models), parts);
  }
  add_named_models(options, parts, models);
  if (models.empty()) models.push_back(float_model());
  std::int64_t id = 0;
  for (ModelTask& model : models) {
    model.id = ++id;
    model.policy.check_against(parts.network_info(), "step " + context.step + ", " + model.origin);
  }
  return models;
}

std::vector<ModelTask> foreseen_models(const TrainStepOptions& options,
                                       const ValidationContext& context, const SectionParts& parts,
                                       const std::string& kind) {
  std::vector<ModelTask> models;
  const TrainStepBlock& block = options.pipe_step;
  const std::string& folder = block.models_folder;
  const EarlierStep* maker = folder.empty() && kind.empty() ? nullptr : context.maker(folder, kind);
  if (maker) {
    const auto& gives = maker->gives;
    const bool weights =
        block.load_weights && std::find(gives.begin(), gives.end(), "weights") != gives.end();
    for (const BitPolicy& policy : maker->outlook.policies) {
      models.push_back(
          {0, "policies of step " + maker->name, policy, weights ? maker->name + ":weights" : ""});
    }
  } else if (!folder.empty()) {
    models = models_in(folder, label_of(folder), block.load_weights);
    if (models.empty() && fs::exists(folder)) {  // a missing one has been told
      throw ConfigError("pipe_step.models_folder: " + nothing_in(folder));
    }
  }
  TrainStepOptions named = options;
  // A missing one has been told; one that an earlier step leaves is not there yet.
  if (!fs::exists(named.policy)) named.policy.clear();
  add_named_models(named, parts, models);
  if (models.empty() && !maker) models.push_back(float_model());
  for (const ModelTask& model : models) {
    model.policy.check_against(parts.network_info(), model.origin);
  }
  return models;
}

}  // namespace deneb::detail
