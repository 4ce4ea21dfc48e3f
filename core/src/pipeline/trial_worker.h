#pragma once

#include <deneb/quant/policy.h>

#include <cstdint>
#include <nlohmann/json.hpp>

/// What the main process and its worker processes say to each other: a JSON object a line. A worker
/// begins with {"ready": true}; each request {"id", "policy", "seed"} is answered by {"id",
/// "metrics", "epochs"}, {"id", "error": text} or, for bad data, {"id", "data_error": text}; each
/// {"measure": seconds, "policy"} by {"samples_per_second"} or {"error": text}.
namespace deneb::detail {

nlohmann::json trial_request(std::int64_t id, const BitPolicy& policy, std::uint64_t seed);
/// Asks how many samples pass through the network under the policy in that time, at least a batch;
/// 0 seconds: whether the process is there.
nlohmann::json measure_request(const BitPolicy& policy, double seconds);

}  // namespace deneb::detail
