#pragma once

#include <deneb/data/data_loader.h>
#include <deneb/pipeline/pipe_step.h>
#include <deneb/search/search_algorithm.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/search_basis.h"
#include "pipeline/worker_pool.h"
#include "pipeline/worker_split.h"
#include "store/trial_cache.h"

namespace deneb::detail {

/// The SearchContext of a SearchPipeStep: trials go to worker processes, results to the store.
class SearchRun final : public SearchContext {
 public:
  SearchRun(RunContext& context, const SearchStepOptions& options);

  const SearchSpace& space() const override { return basis_.space(); }
  std::vector<Objective> measures() const override { return parts_.measures(); }
  std::map<std::string, double> costs(const BitPolicy& policy) const override {
    return parts_.costs(policy);
  }
  const CostModel& cost_model(const std::string& name) const override {
    return parts_.cost_model(name);
  }
  std::vector<Limit> limits() const override { return basis_.limits(); }
  bool within_limits(const BitPolicy& policy) const override {
    return basis_.broken_limit(policy).empty();
  }
  bool has_weights() const override { return !options_.weights.empty(); }
  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) override;
  std::map<std::string, double> float_metrics() override;
  nlohmann::ordered_json provenance() override;
  std::mt19937_64 rng(const std::string& label) const override;
  std::uint64_t seed(const std::string& label) const override;
  std::shared_ptr<Network> make_network() override;
  std::shared_ptr<Quantizer> make_quantizer(const PluginSpec& spec) override;
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole role, const Format& format) override;
  std::unique_ptr<BatchStream> calibration_data() override { return parts_.calibration_data(); }
  const DataLoader& data() override { return parts_.data(); }
  const Criterion& criterion() const override { return parts_.criterion(); }
  const Evaluator& evaluator() const override { return parts_.evaluator(); }
  torch::Device device() const override { return parts_.device(); }
  std::string artifact_path(const std::string& file) const override;
  std::string input(const std::string& kind) const override { return context_.input(kind); }
  void in_parallel(std::size_t tasks, const std::function<Task()>& make_worker) override;
  void progress(std::int64_t done, std::int64_t total, const std::string& text) override;
  void log(const std::string& text) override;

  /// The trial of a candidate's policy; one that was never tried gets a record, so that reports
  /// have it.
  std::int64_t record_of(const Candidate& candidate);
  /// To be called at the end: trials of an earlier attempt that this one did not ask for, because
  /// failed ones were tried again, are removed.
  void forget_rest();
  /// Are these trials a Pareto front among all that were tried or recorded?
  bool is_front(const std::vector<std::int64_t>& ids,
                const std::vector<Objective>& objectives) const;
  const SearchBasis& basis() const { return basis_; }
  /// How many trials the cache has answered, over all runs of the step; nothing without a
  /// cache or without trials.
  std::optional<std::int64_t> cached_trials() const;

 private:
  const WorkerSplit& split();
  std::string cache_key(const ResultRow& row);
  /// Records what the cache knows of these trials; the others.
  std::vector<std::int64_t> answer_from_cache(const std::vector<std::int64_t>& ids);
  std::int64_t assign_id(const TrialRequest& request);
  void reject(ResultRow& row);
  void count_failure(const ResultRow& row);
  void run_new(const std::vector<std::int64_t>& ids);
  void record(std::int64_t id, const WorkerPool::Answer& answer);
  TrialResult result_of(std::int64_t id) const;

  RunContext& context_;
  const SearchStepOptions& options_;
  SearchBasis basis_;
  SectionParts& parts_;
  std::unique_ptr<WorkerPool> workers_;
  std::map<std::string, std::int64_t> id_of_policy_;  // fingerprint -> trial of this run
  std::map<std::int64_t, ResultRow> rows_;            // of this run, finished or to be run
  int failures_ = 0;
  std::int64_t retried_from_ = 0;  // TrialStore::retried_from()
  std::optional<WorkerSplit> split_;
  std::unique_ptr<TrialCache> cache_;
  std::string identity_;  // of the step's trials, for the cache; made when it is first needed
  std::int64_t cached_trials_ = 0;
};

}  // namespace deneb::detail
