#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <deneb/search/pareto.h>
#include <deneb/store/trial_store.h>

/// What the report plugins share: reading of the store's rows.
namespace deneb::reports {

/// A step that looks for policies (its result is a front), in contrast to one that trains or
/// evaluates models (its result is all of them).
bool is_search(const StepRow& step);

/// What the step optimised, from its info; empty when the step has not told (yet).
std::vector<Objective> objectives_of(const StepRow& step);

/// From the objectives; a metric that is none of them: accuracies are maximised, all else
/// minimised.
Direction direction_of(const std::vector<Objective>& objectives, const std::string& metric);

/// A finite number, or nothing: absent, null (a NaN), or no number.
std::optional<double> metric_of(const ResultRow& trial, const std::string& name);

/// `first`, then the other metrics of the trials in the order in which they are first seen.
std::vector<std::string> metric_names(const std::vector<ResultRow>& trials,
                                      std::vector<std::string> first);

/// Trial id -> policy file, relative to the step's folder: policies/<name>.json of a search or
/// models/<id>/policy.json of a training, as far as they exist.
std::map<std::int64_t, std::string> policy_paths(const std::string& task_folder,
                                                 const std::string& step,
                                                 const std::vector<ResultRow>& trials);

/// A float32 or uniform policy, trained to compare with.
bool is_baseline(const ResultRow& trial);

/// False for a policy that a search has found without training or measuring it.
bool was_tried(const ResultRow& trial);

/// The finished model that validation data choose by `objective`, baselines aside unless there is
/// nothing else. nullptr when there is none or the models were not validated: the test split judges
/// and never chooses.
const ResultRow* best_model(const std::vector<ResultRow>& models, const Objective& objective);

/// Members of the result: the trials marked as front; where a training step has marked none, its
/// best_model() by the first objective.
std::vector<std::int64_t> best_ids(const StepRow& step, const std::vector<ResultRow>& trials);

/// The shortest decimal number that reads back as the same double; whole numbers below 1e15
/// without exponent.
std::string exact_text(double value);

}  // namespace deneb::reports
