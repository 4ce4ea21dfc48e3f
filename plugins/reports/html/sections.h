#pragma once

#include <string>

#include "charts.h"
#include "task_data.h"

/// Parts of the page, as HTML.
namespace deneb::reports {

/// Head of the page: what was done and what came out, in a sentence and in figures,
/// and the facts of the task.
std::string header_section(const TaskData& task);
/// States and times of the steps.
std::string steps_section(const TaskData& task);
/// The words of the page, for a reader who was not there.
std::string guide_section(const TaskData& task);
/// Charts and tables of a search.
std::string search_section(const StepData& step, Charts& charts, std::size_t max_rows);
/// Charts and tables of a step that trains or evaluates.
std::string models_section(const StepData& step, Charts& charts);

}  // namespace deneb::reports
