#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/quant/policy_file.h>

#include <algorithm>
#include <set>

namespace deneb {
namespace {

using nlohmann::ordered_json;

// One policy file being read; errors name its lines.
class Reader {
 public:
  explicit Reader(const std::string& path) : document_(read_config(path)) {}

  PolicyFile read() {
    const ordered_json& json = document_.value;
    if (!json.contains("format") || json["format"] != "deneb-policy") {
      fail("", "not a policy file; expected \"format\": \"deneb-policy\"");
    }
    if (!json.contains("version") || json["version"] != 1) {
      fail("version", "policy version " +
                          (json.contains("version") ? json["version"].dump() : "missing") +
                          ", this Deneb reads version 1");
    }
    check_keys("", json,
               {"format", "version", "model", "layers", "overrides", "metrics", "provenance"});
    if (!json.contains("layers")) fail("", "has no \"layers\" list");
    PolicyFile file;
    std::vector<BitPolicy::Entry> entries = layers(json["layers"]);
    if (json.contains("overrides")) apply_overrides(json["overrides"], entries);
    for (const auto& [name, choice] : entries) file.policy.set(name, choice);
    object("model", file.model);
    object("metrics", file.metrics);
    object("provenance", file.provenance);
    return file;
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& what) const {
    const int line = document_.line_of(place);
    throw ConfigError(document_.file + ":" + (line > 0 ? std::to_string(line) + ":" : "") + " " +
                      (place.empty() ? "" : place + ": ") + what);
  }

  void check_keys(const std::string& place, const ordered_json& value,
                  const std::vector<std::string>& known) const {
    for (const auto& item : value.items()) {
      if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
      const std::string nearest = nearest_name(item.key(), known);
      std::string all;
      for (const std::string& key : known) all += (all.empty() ? "" : ", ") + key;
      fail(place + (place.empty() ? "" : ".") + item.key(),
           "unknown key; " +
               (nearest.empty() ? "expected one of " + all : "did you mean '" + nearest + "'?"));
    }
  }

  // One entry at a time, so that errors name the line.
  std::vector<BitPolicy::Entry> layers(const ordered_json& list) const {
    if (!list.is_array()) BitPolicy::from_json(list, document_.file + ": layers");  // refuses it
    std::vector<BitPolicy::Entry> entries;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = "layers[" + std::to_string(i) + "]";
      const std::string where =
          document_.file + ":" + std::to_string(document_.line_of(place)) + ": " + place;
      entries.push_back(BitPolicy::entry_from_json(list[i], where));
      const std::string& name = entries.back().first;
      if (!names.insert(name).second) {
        fail(place, "layer '" + name + "' is listed twice; keep one entry");
      }
    }
    return entries;
  }

  void apply_overrides(const ordered_json& list, std::vector<BitPolicy::Entry>& entries) const {
    if (!list.is_array()) fail("overrides", "expected a list of {\"layer\", \"weight\"}");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = "overrides[" + std::to_string(i) + "]";
      const ordered_json& rule = list[i];
      if (!rule.is_object() || !rule.contains("layer")) fail(place, "needs a string \"layer\"");
      check_keys(place, rule, {"layer", "weight", "activation"});
      for (const auto& item : rule.items()) {
        if (!item.value().is_string()) fail(place + "." + item.key(), "expected a string");
      }
      const std::string pattern = rule["layer"].get<std::string>();
      bool has_match = false;
      for (auto& [name, choice] : entries) {
        if (!glob_match(pattern, name)) continue;
        has_match = true;
        replace(rule, place, "weight", &choice.weight);
        replace(rule, place, "activation", &choice.activation);
      }
      if (!has_match) {
        fail(place + ".layer", "'" + pattern + "' matches none of the layers of this file");
      }
    }
  }

  void replace(const ordered_json& rule, const std::string& place, const char* key,
               Format* format) const {
    if (!rule.contains(key)) return;
    try {
      *format = Format::parse(rule[key].get<std::string>());
    } catch (const ConfigError& e) {
      fail(place + "." + key, e.what());
    }
  }

  void object(const char* key, ordered_json& target) const {
    if (!document_.value.contains(key)) return;
    if (!document_.value[key].is_object()) fail(key, "expected an object");
    target = document_.value[key];
  }

  ConfigDocument document_;
};

}  // namespace

PolicyFile read_policy_file(const std::string& path) { return Reader(path).read(); }

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
