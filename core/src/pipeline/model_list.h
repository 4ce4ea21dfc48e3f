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

/// Models that the section names: the artifact `kind` ("policies" or "models") of the nearest
/// earlier step that left one (at most max_models, spread evenly over the sorted first costs, see
/// CostModel::table_rank), one policy file, uniform policies; a first step with none of these has
/// one float model. RunError when the list is empty.
std::vector<ModelTask> collect_models(const TrainStepOptions& options, const RunContext& context,
                                      const SectionParts& parts, const std::string& kind);

/// ConfigError where the formats of first and last layer leave no layer the widths asked for.
void check_baseline(const UniformOptions& options, const NetworkInfo& network);
/// ConfigError for a format of the first or last layer that is none.
BitPolicy baseline_policy(const UniformOptions& options, const NetworkInfo& network);

}  // namespace deneb::detail
