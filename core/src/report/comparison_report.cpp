#include <deneb/report/comparison_report.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace deneb {
namespace {

using nlohmann::ordered_json;

// Values of one fact, each with the tasks that have it, in the order of first appearance.
struct Fact {
  std::string name;
  std::vector<std::pair<std::string, std::vector<std::string>>> values;
};

class Facts {
 public:
  void add(const std::string& name, const std::string& value, const std::string& task) {
    auto fact = std::find_if(facts_.begin(), facts_.end(),
                             [&](const Fact& known) { return known.name == name; });
    if (fact == facts_.end()) fact = facts_.insert(fact, {name, {}});
    auto entry = std::find_if(fact->values.begin(), fact->values.end(),
                              [&](const auto& known) { return known.first == value; });
    if (entry == fact->values.end()) entry = fact->values.insert(entry, {value, {}});
    auto& tasks = entry->second;
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
  }

  std::vector<std::string> contradictions() const {
    std::vector<std::string> lines;
    for (const Fact& fact : facts_) {
      if (fact.values.size() < 2) continue;
      std::string line = fact.name + ":";
      for (const auto& [value, tasks] : fact.values) {
        line += (line.back() == ':' ? " " : "; ") + value + " in ";
        constexpr std::size_t kNamed = 4;
        for (std::size_t i = 0; i < std::min(kNamed, tasks.size()); ++i) {
          line += (i > 0 ? ", " : "") + tasks[i];
        }
        if (tasks.size() > kNamed) {
          line += " and " + std::to_string(tasks.size() - kNamed) + " more";
        }
      }
      lines.push_back(line);
    }
    return lines;
  }

 private:
  std::vector<Fact> facts_;
};

std::string value_text(const ordered_json& value) {
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    const std::filesystem::path path(text);
    return path.is_absolute() ? path.filename().string() : text.empty() ? "\"\"" : text;
  }
  return value.dump();
}

void add_options(const ordered_json& section, const char* key, const std::string& task,
                 Facts& facts) {
  if (!section.contains(key)) return;
  const ordered_json flat = section[key].flatten();
  for (const auto& [path, value] : flat.items()) {
    std::string name = key + path;
    std::replace(name.begin(), name.end(), '/', '.');
    facts.add(name, value_text(value), task);
  }
}

// Two builds may make different networks of the same options.
void add_layers(const StepRow& step, const std::string& task, Facts& facts) {
  const auto layers = step.info.value("/network/layers"_json_pointer, ordered_json::array());
  if (layers.empty()) return;
  std::int64_t macs = 0, weights = 0;
  for (const auto& layer : layers) {
    macs += layer.value("macs", std::int64_t{0});
    weights += layer.value("weights", std::int64_t{0});
  }
  facts.add("layers",
            std::to_string(layers.size()) + " of " + std::to_string(macs) + " MACs and " +
                std::to_string(weights) + " weights",
            task);
}

void add_measures(const StepRow& step, const std::string& cost, const std::string& task,
                  Facts& facts) {
  if (!step.info.contains("reference_costs")) return;  // it searches
  for (const auto& objective : step.info.value("objectives", ordered_json::array())) {
    if (objective.value("direction", "") == "max") {
      facts.add("measure", objective.value("name", ""), task);
    }
  }
  const auto& references = step.info["reference_costs"];
  if (!references.contains("float32") || !references["float32"].contains(cost)) return;
  facts.add(cost + " of float32", references["float32"][cost].dump(), task);
}

}  // namespace

ComparisonReport::~ComparisonReport() = default;

std::vector<std::string> disagreements(const std::vector<ComparedTask>& tasks,
                                       const std::string& cost) {
  Facts facts;
  for (const ComparedTask& task : tasks) {
    for (const StepRow& step : task.store->steps()) {
      if (!task.config.contains(step.name)) continue;
      const ordered_json& section = task.config[step.name];
      add_options(section, "network", task.name, facts);
      add_options(section, "dataset", task.name, facts);
      if (section.contains("data_loader")) {
        const std::string who =
            section.contains("search_algorithm") ? " of searches" : " of trainings";
        for (const char* key : {"train_portion", "split_seed"}) {
          if (!section["data_loader"].contains(key)) continue;
          facts.add(std::string("data_loader.") + key + who, section["data_loader"][key].dump(),
                    task.name);
        }
      }
      if (!step.info.is_object()) continue;
      add_layers(step, task.name, facts);
      add_measures(step, cost, task.name, facts);
    }
  }
  return facts.contradictions();
}

std::vector<std::string> training_differences(const std::vector<ComparedTask>& tasks) {
  Facts facts;
  for (const ComparedTask& task : tasks) {
    const ordered_json* last = nullptr;
    for (const StepRow& step : task.store->steps()) {
      if (!task.config.contains(step.name)) continue;
      const ordered_json& section = task.config[step.name];
      const bool trains = section.contains("trainer") && !section.contains("search_algorithm");
      if (trains && step.type != "EvaluatePipeStep") last = &section;
    }
    if (!last) continue;
    for (const char* key : {"weights", "trainer", "criterion", "quantizer"}) {
      add_options(*last, key, task.name, facts);
    }
    for (const char* key : {"batch_size", "train_limit", "augment"}) {
      const auto loader = last->find("data_loader");
      if (loader != last->end()) add_options(*loader, key, task.name, facts);
    }
  }
  return facts.contradictions();
}

std::string table_cost(const std::vector<ComparedTask>& tasks) {
  for (const ComparedTask& task : tasks) {
    for (const StepRow& step : task.store->steps()) {
      if (!step.info.is_object() || !step.info.contains("reference_costs")) continue;
      for (const auto& objective : step.info.value("objectives", ordered_json::array())) {
        if (objective.value("direction", "") == "min") return objective.value("name", "");
      }
    }
  }
  return "";
}

}  // namespace deneb
