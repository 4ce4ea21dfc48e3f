#include "pipeline/trial_runner.h"

#include <deneb/random.h>

#include <cmath>

namespace deneb::detail {

TrialOutcome run_trial(Workbench& bench, const BitPolicy& policy, std::uint64_t seed) {
  const auto network =
      bench.make_quantized(derive_seed(seed, "init"), bench.section().weights, policy);
  // Random weights show no ranges worth keeping; the first batch of the training is better.
  if (!bench.section().weights.empty()) bench.calibrate(*network);
  TrialOutcome outcome;
  FitRequest request = bench.fit_request(derive_seed(seed, "train"));
  request.measured_after = true;
  outcome.fit = bench.trainer().fit(*network, bench.data(), request);
  outcome.metrics = bench.measure(*network, Split::kValidation);
  for (const Metric& metric : outcome.metrics.all()) {
    if (!std::isfinite(metric.value)) {
      throw RunError("validation: " + metric.name + " is not finite");
    }
  }
  return outcome;
}

nlohmann::json epochs_json(const FitResult& fit) {
  auto rows = nlohmann::json::array();
  for (const EpochRecord& record : fit.epochs) {
    rows.push_back({{"epoch", record.epoch},
                    {"lr", record.lr},
                    {"train_loss", record.train_loss},
                    {"penalty", record.penalty},
                    {"seconds", record.seconds},
                    {"metrics", record.validation.to_json()}});
  }
  return rows;
}

}  // namespace deneb::detail
