#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <deneb/quant/policy.h>

namespace deneb {

/// policy.json: {"format":"deneb-policy","version":1,"model":{...},"layers":[...],"metrics":{...},
/// "provenance":{...}}. `layers` is the policy; the rest is for readers and reports. For editing by
/// hand there may be "overrides": [{"layer": "layer3.*", "weight": "int8", "activation": "uint8"}],
/// which replace the formats (one of them or both) of the listed layers whose names match the glob;
/// the last match wins. Reading applies them; they are not written.
struct PolicyFile {
  nlohmann::ordered_json model =
      nlohmann::ordered_json::object();  ///< {"type": "ResNetCifar", ...}
  BitPolicy policy;
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object();  ///< name -> number
  nlohmann::ordered_json provenance =
      nlohmann::ordered_json::object();  ///< task, step, trial, seed
};

/// ConfigError `file:line: ...`: unreadable, wrong format or version, unknown keys, malformed
/// layers.
DENEB_API PolicyFile read_policy_file(const std::string& path);
/// Atomic; RunError when the file cannot be written.
DENEB_API void write_policy_file(const std::string& path, const PolicyFile& file);

}  // namespace deneb
