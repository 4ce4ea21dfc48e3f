#include "rank_correlations.h"

#include <algorithm>
#include <unordered_map>

#include <deneb/search/rank_correlation.h>

#include "trial_facts.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;
using Trials = std::vector<const ResultRow*>;

constexpr std::size_t kMostOrigins = 12;  // generations of an evolution are no groups to compare

std::string reference_of(const StepRow& step, const Trials& trials) {
  std::vector<std::string> names = {"accuracy"};
  for (const Objective& objective : objectives_of(step)) names.push_back(objective.name);
  for (const std::string& name : names) {
    const auto has = [&](const ResultRow* trial) { return metric_of(*trial, name).has_value(); };
    const auto count = std::count_if(trials.begin(), trials.end(), has);
    if (static_cast<std::size_t>(count) >= kLeastForRanks) return name;
  }
  return "";
}

RankCorrelations::Group group_of(const std::string& origin, const Trials& trials,
                                 const std::string& reference,
                                 const std::vector<std::string>& metrics) {
  RankCorrelations::Group group{origin, {}};
  for (const std::string& metric : metrics) {
    std::vector<double> ours, theirs;
    for (const ResultRow* trial : trials) {
      const auto a = metric_of(*trial, reference), b = metric_of(*trial, metric);
      if (!a || !b) continue;
      ours.push_back(*a);
      theirs.push_back(*b);
    }
    if (metric == reference || ours.size() < kLeastForRanks) continue;
    if (const auto rho = spearman(ours, theirs)) {
      group.values.push_back({metric, *rho, ours.size()});
    }
  }
  return group;
}

/// Finished trials by origin in the order of first appearance; small groups are left out.
std::vector<std::pair<std::string, Trials>> by_origin(const Trials& trials) {
  std::vector<std::pair<std::string, Trials>> groups;
  std::unordered_map<std::string, std::size_t> places;
  for (const ResultRow* trial : trials) {
    const auto [known, is_new] = places.emplace(trial->origin, groups.size());
    if (is_new) groups.push_back({trial->origin, {}});
    groups[known->second].second.push_back(trial);
  }
  const auto small = [](const auto& group) { return group.second.size() < kLeastForRanks; };
  groups.erase(std::remove_if(groups.begin(), groups.end(), small), groups.end());
  return groups;
}

ordered_json values_json(const RankCorrelations::Group& group) {
  auto json = ordered_json::object();
  for (const RankCorrelation& value : group.values) {
    json[value.metric] = {{"spearman", value.rho}, {"trials", value.trials}};
  }
  return json;
}

}  // namespace

RankCorrelations rank_correlations(const StepRow& step, const std::vector<ResultRow>& trials) {
  RankCorrelations result;
  if (!is_search(step)) return result;
  Trials finished;
  for (const ResultRow& trial : trials) {
    if (trial.status == "finished") finished.push_back(&trial);
  }
  result.reference = reference_of(step, finished);
  if (result.reference.empty()) return result;
  const auto metrics = metric_names(trials, {});
  auto all = group_of("", finished, result.reference, metrics);
  if (all.values.empty()) return result;
  result.groups.push_back(std::move(all));
  const auto origins = by_origin(finished);
  if (origins.size() < 2 || origins.size() > kMostOrigins) return result;
  for (const auto& [origin, members] : origins) {
    result.groups.push_back(group_of(origin, members, result.reference, metrics));
  }
  return result;
}

ordered_json to_json(const RankCorrelations& correlations) {
  if (correlations.groups.empty()) return nullptr;
  auto origins = ordered_json::object();
  for (std::size_t i = 1; i < correlations.groups.size(); ++i) {
    origins[correlations.groups[i].origin] = values_json(correlations.groups[i]);
  }
  return {{"metric", correlations.reference},
          {"all", values_json(correlations.groups.front())},
          {"by_origin", origins}};
}

}  // namespace deneb::reports
