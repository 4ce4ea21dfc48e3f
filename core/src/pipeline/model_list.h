#pragma once

#include <deneb/pipeline/pipe_step.h>
#include <deneb/quant/policy.h>

#include <string>
#include <vector>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// A model that a training or evaluation step works on.
struct ModelTask {
  std::int64_t id = 0;  ///< 1-based
  std::string origin;   ///< "nas/12", "uniform w4a4", "nas/12, uniform w4a4", "float32"
  BitPolicy policy;
  std::string weights;  ///< start weights; "" = those of the section
};

/// Models that the section names: those of its models_folder, else of the artifact `kind`
/// ("policies" or "models"; "" = none) of the nearest earlier step that left one (at most
/// max_models, spread evenly over the sorted first costs, see CostModel::table_rank), one policy
/// file, uniform policies; a section with none of these has one float model. RunError when a folder
/// holds none.
std::vector<ModelTask> collect_models(const TrainStepOptions& options, const RunContext& context,
                                      const SectionParts& parts, const std::string& kind);

/// ConfigError where the formats of first and last layer leave no layer the widths asked for.
void check_baseline(const UniformOptions& options, const NetworkInfo& network);
/// What collect_models will find, as far as it can be known: in place of the policies that an
/// earlier step has yet to find those of its outlook, with "step:weights" as weights if it leaves
/// some. ConfigError for policies that do not fit the network.
std::vector<ModelTask> foreseen_models(const TrainStepOptions& options,
                                       const ValidationContext& context, const SectionParts& parts,
                                       const std::string& kind);

/// ConfigError for a format of the first or last layer that is none.
BitPolicy baseline_policy(const UniformOptions& options, const NetworkInfo& network);

}  // namespace deneb::detail
