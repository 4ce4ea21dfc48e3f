#pragma once

#include <string>

#include "task_data.h"

namespace deneb::reports {

/// StepData::shown of a search, sortable.
std::string trial_table(const StepData& step);

/// StepData::ranks: a row per metric; a column for all trials and one per origin.
std::string rank_table(const StepData& step);

/// StepData::shown of a training or evaluation step, with costs compared with those of float32.
std::string model_table(const StepData& step);

/// All steps with their states and times.
std::string step_table(const TaskData& task);

/// <span> with a status.
std::string status_tag(const std::string& status);

}  // namespace deneb::reports
