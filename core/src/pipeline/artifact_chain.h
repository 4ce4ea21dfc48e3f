#pragma once

#include <deneb/options/config.h>
#include <deneb/pipeline/pipeline.h>

#include <string>
#include <vector>

/// Files that options name, and artifacts that steps hand on.
namespace deneb::detail {

/// Makes paths of file options absolute: those in `section`, which stands at `path` of `document`
/// and has these options, are meant relative to the file where they are written. Variables
/// (`{name}...`) and `step:kind` stay.
void make_paths_absolute(nlohmann::ordered_json& section, const std::string& path,
                         const OptionWalk& options, const ConfigDocument& document,
                         const Registry& registry);

/// Writes what lies in the task's folder as `{local_base_path}/...`, in the options of all steps:
/// tasks can be moved and copied.
void name_task_folder(Pipeline& pipeline, const Registry& registry);

/// Checks that every step finds what it takes: artifacts of earlier steps that its options name or
/// that it needs of any, and files. Missing files, which are a problem of data, go to `missing`.
void check_chain(const Pipeline& pipeline, const Registry& registry, Diagnostics& diagnostics,
                 Diagnostics& missing);

}  // namespace deneb::detail
