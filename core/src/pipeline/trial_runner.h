#pragma once

#include <deneb/pipeline/section_parts.h>
#include <deneb/train/fit.h>

#include <cstdint>
#include <nlohmann/json.hpp>

namespace deneb::detail {

/// One trial: build, quantize, train, measure on a split. A pure function of policy, seed, split
/// and the section; the same in every process. Errors of the trial come out as exceptions.
struct TrialOutcome {
  Metrics metrics;
  FitResult fit;
};
TrialOutcome run_trial(SectionParts& parts, const BitPolicy& policy, std::uint64_t seed,
                       Split split);

/// Epoch records as JSON rows for the store.
nlohmann::json epochs_json(const FitResult& fit);

}  // namespace deneb::detail
