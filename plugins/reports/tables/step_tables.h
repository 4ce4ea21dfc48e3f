#pragma once

#include <string>
#include <vector>

#include <deneb/store/trial_store.h>

namespace deneb::reports {

/// reports.csv: every trial of a step by id, failed ones included. The only column that depends on
/// time is runtime_s.
std::string trials_csv(const std::vector<ResultRow>& trials);

/// output.csv: the result of a step, with a last column `policy`, the policy's file relative to
/// the step's folder. A search: its result; another step: all that finished.
std::string result_csv(const StepRow& step, const std::vector<ResultRow>& trials,
                       const std::string& task_folder);

/// reports.json: all steps, and the records of each.
std::string reports_json(const TrialStore& store, const std::string& task_folder);

}  // namespace deneb::reports
