#include "pipeline/trial_runner.h"

#include <deneb/random.h>

namespace deneb::detail {

TrialOutcome run_trial(SectionParts& parts, const BitPolicy& policy, std::uint64_t seed,
                       Split split) {
  const auto network =
      parts.make_quantized(derive_seed(seed, "init"), parts.section().weights, policy);
  // Random weights show no ranges worth keeping; the first batch of the training is better.
  if (!parts.section().weights.empty()) parts.calibrate(*network);
  TrialOutcome outcome;
  FitRequest request = parts.fit_request(derive_seed(seed, "train"));
  request.measured_after = true;
  outcome.fit = parts.trainer().fit(*network, parts.data(), request);
  outcome.metrics = parts.measure(*network, split);
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
