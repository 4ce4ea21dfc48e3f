#pragma once

#include <deneb/options/config.h>
#include <deneb/pipeline/pipeline.h>

#include <string>
#include <vector>

/// Files that options name, and artifacts that steps hand on.
namespace deneb::detail {

/// Makes paths of file options absolute: those in `section`, which stands at `path` of `document`
/// and has the options of a step of kind `type`, are meant relative to the file where they are
/// written. Variables (`{name}...`) and `step:kind` stay.
void make_paths_absolute(nlohmann::ordered_json& section, const std::string& path,
                         const std::string& type, const ConfigDocument& document,
                         const Registry& registry);

/// Checks that every step finds what it takes: artifacts of earlier steps that its options name or
/// that it needs of any, and files. Returns the first missing file as `step.key: text`, "" if none:
/// that is a problem of data, not of the configuration.
std::string check_chain(const Pipeline& pipeline, const Registry& registry,
                        Diagnostics& diagnostics);

}  // namespace deneb::detail
