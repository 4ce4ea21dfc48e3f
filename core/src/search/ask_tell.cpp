#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <set>

namespace deneb {

AskTellSearch::~AskTellSearch() = default;

std::vector<Candidate> pareto_candidates(const std::vector<BitPolicy>& policies,
                                         const std::vector<TrialResult>& trials,
                                         const std::vector<Objective>& objectives) {
  std::vector<std::size_t> kept;
  std::vector<std::vector<double>> rows;
  std::set<std::int64_t> seen;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!trials[i].ok || !seen.insert(trials[i].id).second) continue;
    std::vector<double> row;
    for (const Objective& objective : objectives) {
      const auto it = trials[i].metrics.find(objective.name);
      if (it == trials[i].metrics.end()) {
        std::string known;
        for (const auto& metric : trials[i].metrics) known += " " + metric.first;
        throw RunError("objectives: no metric or cost is named '" + objective.name +
                       "'; there are:" + known);
      }
      row.push_back(it->second);
    }
    rows.push_back(std::move(row));
    kept.push_back(i);
  }
  if (objectives.empty()) throw RunError("objectives: a Pareto set needs one or more");
  std::vector<std::size_t> front = pareto_front(rows, objectives);
  std::stable_sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) {
    const bool up = objectives.front().direction == Direction::kMaximize;
    return up ? rows[a][0] > rows[b][0] : rows[a][0] < rows[b][0];
  });
  std::vector<Candidate> candidates;
  std::set<std::vector<double>> values;
  for (const std::size_t r : front) {
    if (!values.insert(rows[r]).second) continue;
    const TrialResult& trial = trials[kept[r]];
    candidates.push_back(
        {std::to_string(trial.id), policies[kept[r]], trial.metrics, trial.id, ""});
  }
  return candidates;
}

void AskTellSearch::validate(const SearchSetup& setup) const {
  if (objectives().empty()) throw ConfigError("search_algorithm: names no objective");
  for (const Objective& objective : objectives()) {
    find_measure(setup.measures(), objective.name, "search_algorithm");
  }
}

SearchResult AskTellSearch::run(SearchContext& context) {
  start(context);
  std::vector<BitPolicy> policies;
  std::vector<TrialResult> trials;
  while (true) {
    const std::vector<TrialRequest> requests = ask();
    if (requests.empty()) break;
    const std::vector<TrialResult> results = context.evaluate(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      policies.push_back(requests[i].policy);
      trials.push_back(results[i]);
    }
    tell(requests, results);
  }
  return {pareto_candidates(policies, trials, objectives()), objectives()};
}

}  // namespace deneb
