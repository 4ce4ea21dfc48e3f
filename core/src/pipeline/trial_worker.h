#pragma once

#include <deneb/quant/policy.h>

#include <cstdint>
#include <nlohmann/json.hpp>

/// What the main process and its worker processes say to each other: a JSON object a line. A worker
/// begins with {"ready": true}; each request {"id", "policy", "seed"} is answered by {"id",
/// "metrics", "epochs"}, {"id", "error": text} or, for bad data, {"id", "data_error": text}.
namespace deneb::detail {

nlohmann::json trial_request(std::int64_t id, const BitPolicy& policy, std::uint64_t seed);

}  // namespace deneb::detail
