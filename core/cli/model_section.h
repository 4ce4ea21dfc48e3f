#pragma once

#include <deneb/pipeline/pipeline.h>
#include <deneb/pipeline/section_parts.h>
#include <deneb/search/search_space.h>

#include <optional>
#include <string>

namespace deneb::cli {

/// The part of a step's section that describes a network and its data.
struct StepModel {
  std::string step;
  ModelSection section;
  std::optional<SearchSpaceOptions> search_space;  ///< of a search step
};

/// The section of `step`, or of the first step with a network and a dataset if `step` is "".
/// ConfigError when there is none.
StepModel read_step_model(const Pipeline& pipeline, const std::string& step,
                          const Registry& registry);

}  // namespace deneb::cli
