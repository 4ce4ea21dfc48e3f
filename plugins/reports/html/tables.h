#pragma once

#include <string>

#include "task_data.h"

namespace deneb::reports {

/// Every trial of a search, sortable. At most `max_rows` rows (0 = all); a note tells the rest.
std::string trial_table(const StepData& step, std::size_t max_rows);

/// StepData::ranks: a row per metric; a column for all trials and one per origin.
std::string rank_table(const StepData& step);

/// The models of a training or evaluation step with their costs, compared with float32.
std::string model_table(const StepData& step);

/// All steps with their states and times.
std::string step_table(const TaskData& task);

/// The float32 model of the step, or of another one; nullptr if none was trained.
const TrialRow* float_model(const StepData& step);

/// What a cost would be in float32, from a trained float model or from the layer facts where these
/// explain the step's figures exactly; negative if unknown. `cost`: "bitops" or "size".
double float_cost(const StepData& step, const std::string& cost);

/// <span> with a status.
std::string status_tag(const std::string& status);

}  // namespace deneb::reports
