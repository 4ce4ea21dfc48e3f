#include "search_work.h"

#include <algorithm>
#include <optional>
#include <set>

#include "trial_facts.h"

namespace deneb::reports {
namespace {

SearchWork work_of(const TaskRead& task, const std::set<std::string>& steps) {
  SearchWork work{0.0, 0.0, 0, 0};
  for (const StepRow& step : task.steps) {
    if (steps.count(step.name) == 0) continue;
    work.seconds += seconds_of(step);
    if (step.work && work.training_samples) {
      *work.training_samples += double(step.work->training_samples);
      *work.evaluation_samples += double(step.work->evaluation_samples);
    } else {
      work.training_samples = work.evaluation_samples = std::nullopt;
    }
    const auto& trials = task.trials.at(step.name);
    if (is_search(step)) {
      work.trials += double(std::count_if(trials.begin(), trials.end(), was_tried));
    }
  }
  return work;
}

std::optional<SearchWork> mean_work(const std::vector<SearchWork>& all) {
  if (all.empty()) return std::nullopt;
  SearchWork sum{0.0, 0.0, 0, 0};
  const auto count = double(all.size());
  for (const SearchWork& work : all) {
    if (work.training_samples && sum.training_samples) {
      *sum.training_samples += *work.training_samples / count;
      *sum.evaluation_samples += *work.evaluation_samples / count;
    } else {
      sum.training_samples = sum.evaluation_samples = std::nullopt;
    }
    sum.seconds += work.seconds / count;
    sum.trials += work.trials / count;
  }
  return sum;
}

}  // namespace

double seconds_of(const StepRow& step) {
  if (step.work) return step.work->seconds;
  return std::max(0.0, seconds_between(step.started, step.finished));
}

void measure_work(ComparedRow& row, const std::vector<std::string>& searches,
                  const std::vector<TaskRead>& tasks) {
  std::vector<SearchWork> firsts, furthers;
  for (const TaskRead& task : tasks) {
    const auto& members = row.tasks;
    if (std::find(members.begin(), members.end(), task.index) == members.end()) continue;
    std::set<std::string> all, first, more;
    for (const StepRow& step : task.steps) {
      if (std::find(searches.begin(), searches.end(), step.name) == searches.end()) continue;
      add_chain(task, step.name, all);
      if (first.empty()) first = all;
    }
    if (all.empty()) continue;  // has trained what another task has found
    for (const std::string& step : all) {
      if (first.count(step) == 0) more.insert(step);
    }
    if (row.steps.empty()) {
      for (const StepRow& step : task.steps) {
        if (all.count(step.name) > 0) row.steps.push_back(step.name);
      }
    }
    firsts.push_back(work_of(task, first));
    std::set<std::size_t> budgets;
    for (const ComparedModel& model : row.models) {
      if (model.task == task.index && model.budget) budgets.insert(*model.budget);
    }
    if (budgets.size() < 2) continue;
    SearchWork further = work_of(task, more);
    const auto count = double(budgets.size() - 1);
    if (further.training_samples) {
      *further.training_samples /= count;
      *further.evaluation_samples /= count;
    }
    further.seconds /= count;
    further.trials /= count;
    furthers.push_back(further);
  }
  row.first = mean_work(firsts);
  row.further = mean_work(furthers);
}

}  // namespace deneb::reports
