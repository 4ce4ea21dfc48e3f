#include <deneb/interrupt.h>
#include <deneb/plugin/plugin.h>
#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <set>

#include "benchmark_record.h"
#include "budget_sampler.h"
#include "random_options.h"
#include "size_strata.h"

namespace {

using namespace deneb::random_search;
using deneb::BitPolicy;
using deneb::Objective;
using deneb::SearchContext;
using deneb::searches::BudgetSampler;

// Policies that are new, and how many draws in a row were not.
class Policies {
 public:
  Policies(const SearchContext& context, int max_attempts)
      : context_(context), max_attempts_(max_attempts) {}

  // Draws until one is new, and within the limits; false after too many attempts.
  bool add(const std::function<std::optional<std::vector<int>>()>& draw) {
    for (int attempt = 0; attempt < max_attempts_; ++attempt) {
      deneb::throw_if_stopping();
      const auto genome = draw();
      if (!genome) continue;
      BitPolicy policy = context_.space().decode(*genome);
      if (!context_.within_limits(policy) || !seen_.insert(policy.fingerprint()).second) continue;
      all_.push_back(std::move(policy));
      return true;
    }
    return false;
  }
  const std::vector<BitPolicy>& all() const { return all_; }

 private:
  const SearchContext& context_;
  int max_attempts_;
  std::vector<BitPolicy> all_;
  std::set<std::string> seen_;
};

class RandomSearch final : public deneb::SearchAlgorithm {
 public:
  using Options = RandomSearchOptions;
  explicit RandomSearch(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    if (options_.leaves_benchmark()) check_benchmark_space(options_.benchmark, setup);
    objectives_for(setup);
    if (options_.fill > 0 && setup.limits().empty()) {
      throw deneb::ConfigError("search_algorithm.fill: is " + std::to_string(options_.fill) +
                               ", but the step has no limits to fill; add limits, or set it to 0");
    }
    if (is_stratified()) const SizeStrata checked(setup);
  }

  std::vector<std::string> gives() const override {
    return {options_.leaves_benchmark() ? "benchmark" : "policies"};
  }

  deneb::SearchResult run(SearchContext& context) override {
    const std::vector<Objective> objectives = objectives_for(context);
    const std::vector<BitPolicy> policies = sample(context);
    const std::vector<deneb::TrialResult> trials = evaluate(context, policies);
    if (options_.leaves_benchmark()) return leave_benchmark(context, policies, trials, objectives);
    return {deneb::pareto_candidates(policies, trials, objectives), objectives};
  }

 private:
  bool is_stratified() const { return options_.sampler != "uniform"; }

  std::vector<Objective> objectives_for(const deneb::SearchSetup& setup) const {
    const std::vector<Objective> measures = setup.measures();
    if (!options_.objectives.empty()) {
      return deneb::searches::find_objectives(options_.objectives, measures);
    }
    const std::string where = "search_algorithm.objectives (default)";
    if (options_.leaves_benchmark()) {
      return {deneb::find_measure(measures, options_.benchmark.metric, where),
              deneb::find_measure(measures, "size", where),
              deneb::find_measure(measures, "bitops", where)};
    }
    const std::vector<deneb::Limit> limits = setup.limits();
    const std::string cost = limits.empty() ? "bitops" : limits.front().cost;
    return {measures.front(), deneb::find_measure(measures, cost, where)};
  }

  // Drawn ahead of all trials, as no result has a say in it.
  std::vector<BitPolicy> sample(SearchContext& context) const {
    Policies policies(context, options_.max_attempts);
    const auto samples = static_cast<std::size_t>(options_.samples);
    std::mt19937_64 rng = context.rng("samples");
    BudgetSampler sampler(context.space(), deneb::searches::limit_ranges(context, options_.fill));
    const std::size_t uniform = is_stratified() ? samples - samples / 2 : samples;
    while (policies.all().size() < uniform && policies.add([&] { return sampler.draw(rng); })) {
    }
    if (is_stratified()) add_strata(context, samples, policies);
    if (policies.all().empty()) throw deneb::RunError("RandomSearch: " + sampler.misses());
    if (policies.all().size() < samples) {
      context.log("found " + std::to_string(policies.all().size()) + " different policies, " +
                  std::to_string(options_.samples) + " were asked for; going on with them");
    }
    return policies.all();
  }

  // From the bins in turn; a bin that gives nothing new is left out from then on.
  void add_strata(SearchContext& context, std::size_t samples, Policies& policies) const {
    const SizeStrata strata(context);
    std::mt19937_64 rng = context.rng("strata");
    std::vector<int> open(SizeStrata::kBins);
    std::iota(open.begin(), open.end(), 0);
    for (std::size_t i = 0; policies.all().size() < samples && !open.empty();) {
      i %= open.size();
      const int bin = open[i];
      if (policies.add([&] { return strata.draw(bin, rng); })) {
        ++i;
      } else {
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
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

  deneb::SearchResult leave_benchmark(SearchContext& context,
                                      const std::vector<BitPolicy>& policies,
                                      const std::vector<deneb::TrialResult>& trials,
                                      const std::vector<Objective>& objectives) const {
    const deneb::Benchmark benchmark =
        record_benchmark(context, options_.benchmark, options_.sampler, policies, trials);
    if (benchmark.entries.size() < policies.size()) {
      context.log(std::to_string(policies.size() - benchmark.entries.size()) +
                  " trials failed; the benchmark goes without them");
    }
    const std::string file = context.artifact_path("benchmark.json");
    deneb::write_benchmark(file, benchmark);
    deneb::SearchResult result;
    result.objectives = objectives;
    result.figures = benchmark_figures(benchmark);
    result.heat_maps = benchmark_maps(benchmark);
    result.artifacts = {{"benchmark", file}};
    return result;
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, RandomSearch>(
      "RandomSearch",
      "random policies, within a window of cost if wanted: the baseline; or a benchmark of them");
}

}  // namespace

DENEB_PLUGIN("random_search", "0.1.0", "random policies, the baseline of searches", register_all);
