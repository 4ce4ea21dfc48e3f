#include <deneb/interrupt.h>
#include <deneb/plugin/plugin.h>
#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <set>

#include "budget_sampler.h"
#include "random_options.h"

namespace {

using namespace deneb::random_search;
using deneb::BitPolicy;
using deneb::Objective;
using deneb::SearchContext;

class RandomSearch final : public deneb::SearchAlgorithm {
 public:
  using Options = RandomSearchOptions;
  explicit RandomSearch(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::find_objectives(options_.objectives, setup.measures());
    if (options_.fill > 0 && setup.limits().empty()) {
      throw deneb::ConfigError("search_algorithm.fill: is " + std::to_string(options_.fill) +
                               ", but the step has no limits to fill; add limits, or set it to 0");
    }
  }

  deneb::SearchResult run(SearchContext& context) override {
    const std::vector<Objective> objectives = objectives_for(context);
    const std::vector<BitPolicy> policies = sample(context);
    const std::vector<deneb::TrialResult> trials = evaluate(context, policies);
    return {deneb::pareto_candidates(policies, trials, objectives), objectives};
  }

 private:
  std::vector<Objective> objectives_for(const SearchContext& context) const {
    const std::vector<Objective> measures = context.measures();
    if (!options_.objectives.empty()) {
      return deneb::searches::find_objectives(options_.objectives, measures);
    }
    const std::vector<deneb::Limit> limits = context.limits();
    const std::string cost = limits.empty() ? "bitops" : limits.front().cost;
    return {measures.front(),
            deneb::find_measure(measures, cost, "search_algorithm.objectives (default)")};
  }

  // Drawn ahead of all trials, as no result has a say in it.
  std::vector<BitPolicy> sample(SearchContext& context) const {
    std::mt19937_64 rng = context.rng("samples");
    BudgetSampler sampler(context, options_.fill);
    std::vector<BitPolicy> policies;
    std::set<std::string> seen;
    int attempts = 0;  // since the last new policy
    while (policies.size() < static_cast<std::size_t>(options_.samples) &&
           attempts < options_.max_attempts) {
      deneb::throw_if_stopping();
      ++attempts;
      const auto genome = sampler.draw(rng);
      if (!genome) continue;
      BitPolicy policy = context.space().decode(*genome);
      if (!seen.insert(policy.fingerprint()).second) continue;
      policies.push_back(std::move(policy));
      attempts = 0;
    }
    if (policies.empty()) throw deneb::RunError("RandomSearch: " + sampler.misses());
    if (policies.size() < static_cast<std::size_t>(options_.samples)) {
      context.log("found " + std::to_string(policies.size()) + " different policies, " +
                  std::to_string(options_.samples) + " were asked for; going on with them");
    }
    return policies;
  }

  std::vector<deneb::TrialResult> evaluate(SearchContext& context,
                                           const std::vector<BitPolicy>& policies) const {
    std::vector<deneb::TrialResult> trials;
    while (trials.size() < policies.size()) {
      const std::size_t end =
          std::min(policies.size(), trials.size() + static_cast<std::size_t>(options_.batch));
      std::vector<deneb::TrialRequest> requests;
      for (std::size_t i = trials.size(); i < end; ++i) requests.push_back({policies[i], "random"});
      for (deneb::TrialResult& trial : context.evaluate(requests)) {
        trials.push_back(std::move(trial));
      }
      context.progress(static_cast<std::int64_t>(end), static_cast<std::int64_t>(policies.size()),
                       "random policies");
    }
    return trials;
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, RandomSearch>(
      "RandomSearch", "random policies, within a window of cost if wanted: the baseline");
}

}  // namespace

DENEB_PLUGIN("random_search", "0.1.0", "random policies, the baseline of searches", register_all);
