#include "pipeline/trial_runner.h"

#include <deneb/random.h>
#include <deneb/train/training_loop.h>

#include <cmath>

namespace deneb::detail {

TrialOutcome run_trial(Workbench& bench, const BitPolicy& policy, std::uint64_t seed) {
  const auto network =
      bench.make_quantized(derive_seed(seed, "init"), bench.section().weights, policy);
  // Random weights show no ranges worth keeping; the first batch of the training is better.
  if (!bench.section().weights.empty()) bench.calibrate(*network);
  TrialOutcome outcome;
  TrainerOptions options = bench.section().trainer;
  FitRequest request;
  request.seed = derive_seed(seed, "train");
  request.device = bench.device();
  request.evaluator = &bench.evaluator();
  request.teacher = bench.make_teacher();
  // The validation below is the last one; inside of fit() only earlier epochs are worth it.
  if (options.keep == "last") options.valid_interval = 0;
  outcome.fit = TrainingLoop(options).fit(*network, bench.data(), request);
  const auto stream = bench.data().evaluate(Split::kValidation);
  outcome.metrics = bench.evaluator().evaluate(*network, *stream, bench.device());
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
                    {"seconds", record.seconds},
                    {"metrics", record.validation.to_json()}});
  }
  return rows;
}

}  // namespace deneb::detail
