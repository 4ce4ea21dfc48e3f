#include "objectives.h"

namespace deneb::searches {

void check_objectives(const std::vector<ObjectiveOptions>& objectives, OptionErrors& errors) {
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

std::vector<Objective> find_objectives(const std::vector<ObjectiveOptions>& options,
                                       const std::vector<Objective>& measures) {
  std::vector<Objective> objectives;
  for (std::size_t i = 0; i < options.size(); ++i) {
    Objective objective = find_measure(
        measures, options[i].name, "search_algorithm.objectives[" + std::to_string(i) + "].name");
    if (options[i].direction != "auto") objective.direction = parse_direction(options[i].direction);
    objectives.push_back(objective);
  }
  return objectives;
}

}  // namespace deneb::searches
