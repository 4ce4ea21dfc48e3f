#pragma once

#include <string>
#include <vector>

#include "comparison.h"
#include "task_read.h"

namespace deneb::reports {

/// What a step took: of its workers where it has recorded that, or else from its start to its end.
double seconds_of(const StepRow& step);

/// Fills `row.first`, `row.further` and `row.steps`: the means over the row's tasks of what steps
/// took that serve the first budget, and that only further ones needed. `searches`: the steps whose
/// policies the row has.
void measure_work(ComparedRow& row, const std::vector<std::string>& searches,
                  const std::vector<TaskRead>& tasks);

}  // namespace deneb::reports
