#include "step_tables.h"

#include <cmath>
#include <cstdio>

#include "csv.h"
#include "rank_correlations.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;

// Always there, so that scripts can rely on them.
const std::vector<std::string>& leading_metrics() {
  static const std::vector<std::string> names = {"accuracy", "flops", "params"};
  return names;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", seconds);
  return std::isfinite(seconds) ? text : "";
}

std::vector<std::string> header(const std::vector<std::string>& metrics) {
  std::vector<std::string> cells = {"worker_id", "status", "seed", "encoding"};
  cells.insert(cells.end(), metrics.begin(), metrics.end());
  cells.insert(cells.end(), {"runtime_s", "message"});
  return cells;
}

std::vector<std::string> cells_of(const ResultRow& trial, const std::vector<std::string>& metrics) {
  std::vector<std::string> cells = {std::to_string(trial.id), trial.status,
                                    std::to_string(trial.seed), trial.encoding};
  for (const std::string& name : metrics) {
    const auto value = metric_of(trial, name);
    cells.push_back(value ? exact_text(*value) : "");
  }
  cells.push_back(seconds_text(trial.seconds));
  cells.push_back(trial.message);
  return cells;
}

ordered_json record(const ResultRow& trial, const std::vector<Objective>& objectives,
                    const std::string& policy) {
  auto directions = ordered_json::object();
  const auto add = [&](const std::string& name) {
    directions[name] = direction_of(objectives, name) == Direction::kMaximize ? "MAX" : "MIN";
  };
  for (const Objective& objective : objectives) add(objective.name);
  if (trial.metrics.is_object()) {
    for (const auto& item : trial.metrics.items()) add(item.key());
  }
  return {{"worker_id", trial.id},
          {"status", trial.status},
          {"seed", trial.seed},
          {"origin", trial.origin},
          {"encoding", trial.encoding},
          {"performance", trial.metrics},
          {"objectives", directions},
          {"policy", policy.empty() ? ordered_json() : ordered_json(policy)},
          {"runtime_s", trial.seconds},
          {"message", trial.message}};
}

}  // namespace

std::string trials_csv(const std::vector<ResultRow>& trials) {
  const auto metrics = metric_names(trials, leading_metrics());
  std::string text = csv_row(header(metrics));
  for (const ResultRow& trial : trials) text += csv_row(cells_of(trial, metrics));
  return text;
}

std::string result_csv(const StepRow& step, const std::vector<ResultRow>& trials,
                       const std::string& task_folder) {
  // The same columns as in reports.csv, whichever trials are left out.
  const auto metrics = metric_names(trials, leading_metrics());
  const auto paths = policy_paths(task_folder, step.name, trials);
  const bool search = is_search(step);
  auto cells = header(metrics);
  cells.push_back("policy");
  std::string text = csv_row(cells);
  for (const ResultRow& trial : trials) {
    if (search ? !trial.front : trial.status != "finished") continue;
    cells = cells_of(trial, metrics);
    const auto path = paths.find(trial.id);
    cells.push_back(path == paths.end() ? "" : path->second);
    text += csv_row(cells);
  }
  return text;
}

std::string reports_json(const TrialStore& store, const std::string& task_folder) {
  auto report = ordered_json::object();
  report["_steps_"] = ordered_json::array();
  for (const StepRow& step : store.steps()) {
    const std::vector<ResultRow> trials = store.trials(step.name, TrialStore::Policies::kFront);
    const auto paths = policy_paths(task_folder, step.name, trials);
    const auto objectives = objectives_of(step);
    report["_steps_"].push_back({{"step_name", step.name},
                                 {"status", step.status},
                                 {"start_time", step.started},
                                 {"end_time", step.finished},
                                 {"message", step.message},
                                 {"num_models", trials.size()},
                                 {"best_models", best_ids(step, trials)},
                                 {"rank_correlations", to_json(rank_correlations(step, trials))}});
    auto records = ordered_json::array();
    for (const ResultRow& trial : trials) {
      const auto path = paths.find(trial.id);
      const std::string policy = path == paths.end() ? "" : step.name + "/" + path->second;
      records.push_back(record(trial, objectives, policy));
    }
    report[step.name] = records;
  }
  return report.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace deneb::reports
