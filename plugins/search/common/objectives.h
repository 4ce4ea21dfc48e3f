#pragma once

#include <deneb/options/options.h>
#include <deneb/search/search_algorithm.h>

#include <string>
#include <vector>

namespace deneb::searches {

/// An entry of the option `objectives` of searches by trials.
struct ObjectiveOptions {
  std::string name;
  std::string direction = "auto";
  template <class V>
  void visit(V& v) {
    v("name", name,
      "metric of the evaluator (accuracy) or cost model (bitops, size, flops, params)");
    v("direction", direction, "which way is better; auto = as the metric says, costs are minimised",
      {"auto", "max", "min"});
  }
};

/// Every objective has a name, and none is there twice.
inline void check_objectives(const std::vector<ObjectiveOptions>& objectives,
                             OptionErrors& errors) {
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const std::string key = "objectives[" + std::to_string(i) + "].name";
    if (objectives[i].name.empty()) {
      errors.add(key, "is empty; name a metric or cost");
      continue;
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (objectives[i].name != objectives[j].name) continue;
      errors.add(key, "\"" + objectives[i].name + "\" is there twice; remove one of them");
    }
  }
}

/// The measures of these names, in the directions asked for; ConfigError for an unknown name.
inline std::vector<Objective> find_objectives(const std::vector<ObjectiveOptions>& options,
                                              const std::vector<Objective>& measures) {
  std::vector<Objective> objectives;
  for (std::size_t i = 0; i < options.size(); ++i) {
    Objective objective = find_measure(
        measures, options[i].name, "search_algorithm.objectives[" + std::to_string(i) + "].name");
    if (options[i].direction == "max") objective.direction = Direction::kMaximize;
    if (options[i].direction == "min") objective.direction = Direction::kMinimize;
    objectives.push_back(objective);
  }
  return objectives;
}

}  // namespace deneb::searches
