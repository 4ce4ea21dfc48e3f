#pragma once

#include <deneb/plugin/registry.h>

#include <string>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// A hash of all that the result of a trial depends on beside its policy and its seed: the section
/// but for what chooses policies (search, space, limits, costs), the contents of the files that it
/// names (weights above all), the data (the sizes of the splits and a first batch of each), the
/// device, the threads of a trial, and the code (libdeneb and the plugins that the section uses).
/// Opens the dataset.
std::string trial_identity(const SearchStepOptions& options, SectionParts& parts,
                           const Registry& registry, const std::string& task_folder, int threads);

}  // namespace deneb::detail
