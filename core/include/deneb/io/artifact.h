#pragma once

#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// A file or folder that a step of a pipeline leaves for later steps.
struct Artifact {
  std::string kind;  ///< "policies", "layer_scores", "weights", "proxy", "benchmark", ...
  std::string file;  ///< path below the step's own folder
};

/// What an option of type file says in place of a path: `step:kind`.
struct ArtifactReference {
  std::string step, kind;
};
/// Nothing for text of another form, such as a path with a folder.
DENEB_API std::optional<ArtifactReference> parse_artifact_reference(const std::string& text);

/// The record of a step's artifacts, <step folder>/artifacts.json, {"kind": "path"}; paths are
/// relative to the folder, as far as they lie in the task.
/// Paths come back joined to the folder. Empty when the step has not finished. DataError for a
/// damaged record.
DENEB_API std::vector<Artifact> read_artifacts(const std::string& step_folder);
/// Atomic.
DENEB_API void write_artifacts(const std::string& step_folder,
                               const std::vector<Artifact>& artifacts);
/// Path of the artifact of that kind, "" when the step has left none.
DENEB_API std::string find_artifact(const std::string& step_folder, const std::string& kind);

}  // namespace deneb
