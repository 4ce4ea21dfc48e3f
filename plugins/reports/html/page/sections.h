#pragma once

#include <string>

#include "page/figure.h"
#include "task_data.h"

/// Parts of the page, as HTML.
namespace deneb::reports {

/// Head of the page: what was done and what came out, in a sentence per step and in figures, and
/// the facts of the task.
std::string header_section(const TaskData& task);
/// States and times of the steps.
std::string steps_section(const TaskData& task);
/// The words of the page, for a reader who was not there.
std::string guide_section(const TaskData& task);
/// Charts and tables of a search.
std::string search_section(const StepData& step);
/// Charts and tables of a step that trains or evaluates.
std::string models_section(const StepData& step);

/// Opens the section of a step; its heading, and why it ended before its time if it did.
std::string open_section(const StepData& step, const std::string& what);
/// The charts of trials or models, to be chosen from. `slot` lacks legend and choice.
std::string scatter_figure(const StepData& step, ChartSlot slot);

}  // namespace deneb::reports
