#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/quant/policy_file.h>

namespace deneb {

PolicyFile read_policy_file(const std::string& path) {
  const nlohmann::ordered_json json = read_config(path).value;
  if (!json.is_object() || !json.contains("format") || json["format"] != "deneb-policy") {
    throw ConfigError(path + ": not a policy file; expected \"format\": \"deneb-policy\"");
  }
  if (!json.contains("version") || json["version"] != 1) {
    throw ConfigError(path + ": policy version " +
                      (json.contains("version") ? json["version"].dump() : "missing") +
                      ", this Deneb reads version 1");
  }
  if (!json.contains("layers")) throw ConfigError(path + ": has no \"layers\" list");
  PolicyFile file;
  file.policy = BitPolicy::from_json(json["layers"], path + ": layers");
  const auto object = [&](const char* key, nlohmann::ordered_json& target) {
    if (!json.contains(key)) return;
    if (!json[key].is_object()) throw ConfigError(path + ": " + key + ": expected an object");
    target = json[key];
  };
  object("model", file.model);
  object("metrics", file.metrics);
  object("provenance", file.provenance);
  return file;
}

void write_policy_file(const std::string& path, const PolicyFile& file) {
  nlohmann::ordered_json json;
  json["format"] = "deneb-policy";
  json["version"] = 1;
  json["model"] = file.model;
  json["layers"] = file.policy.to_json();
  json["metrics"] = file.metrics;
  json["provenance"] = file.provenance;
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace deneb
