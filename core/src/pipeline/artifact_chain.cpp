#include "pipeline/artifact_chain.h"

#include <deneb/data/data_path.h>
#include <deneb/io/artifact.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace deneb {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

using Kinds = std::vector<std::string>;

const OptionWalk& options_of_step(const std::string& type, const Registry& registry) {
  return registry.at(PipeStep::kKind, type).options;
}

std::string type_of(const Pipeline& pipeline, const std::string& step) {
  return pipeline.config.at(step).at("pipe_step").at("type").get<std::string>();
}

std::string output_folder(const Pipeline& pipeline, const std::string& step) {
  return pipeline.task_folder + "/output/" + step;
}

bool contains(const Kinds& kinds, const std::string& kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string listed(const Kinds& kinds) {
  std::string text;
  for (const std::string& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
  return text.empty() ? "nothing" : text;
}

// Steps before the one that is checked, and what each leaves.
struct Earlier {
  std::vector<std::string> steps;
  std::vector<Kinds> gives;

  const Kinds* of(const std::string& step) const {
    const auto found = std::find(steps.begin(), steps.end(), step);
    return found == steps.end() ? nullptr : &gives[std::size_t(found - steps.begin())];
  }
};

std::string reference_problem(const ArtifactReference& wanted, const std::string& option_kind,
                              const Earlier& earlier) {
  const std::string text = "'" + wanted.step + ":" + wanted.kind + "'";
  if (option_kind.empty()) {
    return text +
           " names an artifact, but no step can make this; give a path (./ before a name "
           "with a colon)";
  }
  if (wanted.kind != option_kind) {
    return text + " is of another kind; expected " + option_kind + ", as in '" + wanted.step + ":" +
           option_kind + "'";
  }
  const Kinds* given = earlier.of(wanted.step);
  if (!given) {
    const std::string nearest = nearest_name(wanted.step, earlier.steps);
    std::string text_of_steps;
    for (std::size_t i = 0; i < earlier.steps.size(); ++i) {
      if (contains(earlier.gives[i], option_kind)) {
        text_of_steps += (text_of_steps.empty() ? "" : ", ") + earlier.steps[i];
      }
    }
    return "no step '" + wanted.step + "' comes before this one" +
           (nearest.empty() ? "" : "; did you mean '" + nearest + ":" + option_kind + "'?") +
           (text_of_steps.empty() ? "; no earlier step leaves " + option_kind
                                  : "; " + option_kind + " come from: " + text_of_steps);
  }
  if (contains(*given, option_kind)) return "";
  return "step '" + wanted.step + "' leaves " + listed(*given) + ", not " + option_kind;
}

// `path` relative to `folder` with a slash before it, "" for the folder; nothing when outside.
std::optional<std::string> within(const std::string& path, const std::string& folder) {
  const std::string normal = fs::path(path).lexically_normal().string();
  if (normal.compare(0, folder.size(), folder) != 0) return std::nullopt;
  const std::string rest = normal.substr(folder.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return rest;
}

// Is it there, or may an earlier step make it?
bool is_provided(const std::string& path, const Pipeline& pipeline, const Earlier& earlier) {
  std::error_code error;
  if (fs::exists(path, error)) return true;
  for (std::size_t i = 0; i < earlier.steps.size(); ++i) {
    const bool below = within(path, output_folder(pipeline, earlier.steps[i])).has_value();
    if (below && !earlier.gives[i].empty()) return true;
  }
  return false;
}

// What to do about a missing file; in the task's folder only steps make files.
std::string missing_advice(const std::string& path, const Pipeline& pipeline,
                           const Earlier& earlier) {
  if (!within(path, pipeline.task_folder)) return missing_path_advice(path);
  std::string makers;
  for (std::size_t i = 0; i < earlier.steps.size(); ++i) {
    if (earlier.gives[i].empty()) continue;
    makers += (makers.empty() ? "" : ", ") + std::string("output/") + earlier.steps[i];
  }
  return makers.empty() ? "no step before this one makes files; name another file"
                        : "of the task's folder, the steps before this one fill " + makers;
}

void check_needs(const Kinds& needs, const std::string& step, const Earlier& earlier,
                 Diagnostics& diagnostics) {
  for (const std::string& need : needs) {
    const bool met = std::any_of(earlier.gives.begin(), earlier.gives.end(),
                                 [&](const Kinds& given) { return contains(given, need); });
    if (met) continue;
    std::string before;
    for (std::size_t i = 0; i < earlier.steps.size(); ++i) {
      before += (i == 0 ? " (" : "; ") + earlier.steps[i] + " leaves " + listed(earlier.gives[i]);
    }
    diagnostics.add(step, "needs " + need + ", which no step before it leaves" +
                              (before.empty() ? "" : before + ")") +
                              "; put a step that makes them before it, or name files in the "
                              "section");
  }
}

std::map<std::string, std::string> variables(const Pipeline& pipeline) {
  return {{"local_base_path", pipeline.task_folder}, {"data", data_root()}};
}

}  // namespace

namespace detail {

void make_paths_absolute(ordered_json& section, const std::string& path, const OptionWalk& options,
                         const ConfigDocument& document, const Registry& registry) {
  visit_files(options, section, path, registry,
              [&](const std::string& place, const FileRef&, std::string& text) {
                if (text.empty() || text.front() == '{' || parse_artifact_reference(text)) return;
                const fs::path folder = fs::absolute(document.origin_of(place)).parent_path();
                text = (folder / text).lexically_normal().string();
              });
}

void name_task_folder(Pipeline& pipeline, const Registry& registry) {
  for (const std::string& step : pipeline.steps) {
    visit_files(options_of_step(type_of(pipeline, step), registry), pipeline.config.at(step), step,
                registry, [&](const std::string&, const FileRef&, std::string& text) {
                  const auto rest = within(text, pipeline.task_folder);
                  if (!text.empty() && rest) text = "{local_base_path}" + *rest;
                });
  }
}

void check_chain(const Pipeline& pipeline, const Registry& registry, Diagnostics& diagnostics,
                 Diagnostics& missing) {
  Earlier earlier;
  for (std::size_t i = 0; i < pipeline.steps.size(); ++i) {
    const std::string& step = pipeline.steps[i];
    ordered_json section = pipeline.config.at(step);
    substitute(section, variables(pipeline));
    visit_files(options_of_step(type_of(pipeline, step), registry), section, step, registry,
                [&](const std::string& path, const FileRef& option, std::string& text) {
                  if (text.empty()) return;
                  if (const auto reference = parse_artifact_reference(text)) {
                    const std::string problem = reference_problem(*reference, option.kind, earlier);
                    if (!problem.empty()) diagnostics.add(path, problem);
                  } else if (option.must_exist && !is_provided(text, pipeline, earlier)) {
                    missing.add(
                        path, text + " does not exist; " + missing_advice(text, pipeline, earlier));
                  }
                });
    const PipeStep& object = *pipeline.step_objects[i];
    check_needs(object.takes(registry, i == 0), step, earlier, diagnostics);
    earlier.steps.push_back(step);
    earlier.gives.push_back(object.gives(registry));
  }
}

}  // namespace detail

ordered_json step_section(const Pipeline& pipeline, const std::string& step,
                          const Registry& registry) {
  ordered_json section = pipeline.config.at(step);
  substitute(section, variables(pipeline));
  visit_files(options_of_step(type_of(pipeline, step), registry), section, step, registry,
              [&](const std::string&, const FileRef&, std::string& text) {
                const auto reference = parse_artifact_reference(text);
                if (!reference) return;
                const std::string file =
                    find_artifact(output_folder(pipeline, reference->step), reference->kind);
                if (!file.empty()) text = file;
              });
  return section;
}

std::shared_ptr<PipeStep> make_step(const Pipeline& pipeline, const std::string& step,
                                    const Registry& registry) {
  return registry.make<PipeStep>({type_of(pipeline, step), step_section(pipeline, step, registry)});
}

}  // namespace deneb
