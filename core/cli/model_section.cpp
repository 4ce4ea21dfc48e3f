#include "model_section.h"

#include <deneb/options/config.h>

#include <algorithm>

namespace deneb::cli {
namespace {

bool has_model(const nlohmann::ordered_json& section) {
  return section.contains("network") && section.contains("dataset");
}

std::string choose_step(const Pipeline& pipeline, const std::string& wanted) {
  if (wanted.empty()) {
    for (const std::string& step : pipeline.steps) {
      if (has_model(pipeline.config.at(step))) return step;
    }
    throw ConfigError(pipeline.file + ": no step has both a network and a dataset");
  }
  if (std::find(pipeline.steps.begin(), pipeline.steps.end(), wanted) == pipeline.steps.end()) {
    std::string known;
    for (const std::string& step : pipeline.steps) known += (known.empty() ? "" : ", ") + step;
    throw ConfigError("--step: " + pipeline.file + " has no step '" + wanted + "'; its steps are " +
                      known);
  }
  if (!has_model(pipeline.config.at(wanted))) {
    throw ConfigError("--step: step '" + wanted + "' has no network and dataset");
  }
  return wanted;
}

/// Reads the keys that `options` declares; the section has others beside them.
void read_part(const OptionWalk& options, const nlohmann::json& section, const std::string& step,
               const Registry& registry, Diagnostics& problems) {
  std::vector<std::string> others;
  const std::vector<OptionRow> rows = option_rows(options);
  for (const auto& item : section.items()) {
    const bool declared = std::any_of(rows.begin(), rows.end(),
                                      [&](const OptionRow& row) { return row.key == item.key(); });
    if (!declared) others.push_back(item.key());
  }
  read_options(options, section, step, registry, problems, others);
}

}  // namespace

StepModel read_step_model(const Pipeline& pipeline, const std::string& step,
                          const Registry& registry) {
  StepModel model;
  model.step = choose_step(pipeline, step);
  const nlohmann::json section = step_section(pipeline, model.step, registry);
  Diagnostics problems;
  read_part(walk(model.section), section, model.step, registry, problems);
  if (section.contains("search_space")) {
    model.search_space.emplace();
    read_options(walk(*model.search_space), section["search_space"], model.step + ".search_space",
                 registry, problems);
  }
  problems.throw_if_any(pipeline.file);
  return model;
}

}  // namespace deneb::cli
