#pragma once

#include <deneb/pipeline/workbench.h>
#include <deneb/train/fit.h>

#include <cstdint>
#include <nlohmann/json.hpp>

namespace deneb::detail {

/// One trial: build, quantize, train, validate. A pure function of policy, seed and the section;
/// the same in every process. Errors of the trial come out as exceptions.
struct TrialOutcome {
  Metrics metrics;
  FitResult fit;
};
TrialOutcome run_trial(Workbench& bench, const BitPolicy& policy, std::uint64_t seed);

/// Request and answer of a worker process.
nlohmann::json trial_request(std::int64_t id, const BitPolicy& policy, std::uint64_t seed);
/// Runs the request; failures come back as {"error": text}, bad data as {"data_error": text}.
nlohmann::json answer_trial(Workbench& bench, const nlohmann::json& request);

/// Epoch records as JSON rows for the store.
nlohmann::json epochs_json(const FitResult& fit);

}  // namespace deneb::detail
