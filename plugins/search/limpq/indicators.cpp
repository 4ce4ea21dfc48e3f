#include "indicators.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include <deneb/io/files.h>

namespace deneb::limpq {
namespace {

using nlohmann::ordered_json;

constexpr const char* kFormat = "deneb-importance-indicators";

// Says where in which file something is wrong.
class Place {
 public:
  explicit Place(std::string text) : text_(std::move(text)) {}
  Place at(const std::string& part) const { return Place(text_ + ": " + part); }
  [[noreturn]] void fail(const std::string& what) const { throw DataError(text_ + ": " + what); }
  const ordered_json& member(const ordered_json& object, const char* key,
                             ordered_json::value_t type, const char* type_name) const {
    if (!object.is_object() || !object.contains(key)) fail(std::string("has no \"") + key + "\"");
    const ordered_json& value = object.at(key);
    if (value.type() != type) fail(std::string("\"") + key + "\" is no " + type_name);
    return value;
  }

 private:
  std::string text_;
};

std::vector<int> read_bits(const ordered_json& root, const Place& place) {
  std::vector<int> bits;
  for (const auto& item : place.member(root, "bits", ordered_json::value_t::array, "array")) {
    if (!item.is_number_integer() || item < 1 || item > 16) {
      place.fail("\"bits\" holds " + item.dump() + ", expected widths from 1 to 16");
    }
    bits.push_back(item.get<int>());
  }
  std::sort(bits.begin(), bits.end(), std::greater<>());
  if (bits.empty()) place.fail("\"bits\" is empty");
  if (std::adjacent_find(bits.begin(), bits.end()) != bits.end()) {
    place.fail("\"bits\" holds a width twice");
  }
  return bits;
}

Importance read_importance(const ordered_json& layer, const char* key, const std::vector<int>& bits,
                           const Place& place) {
  const ordered_json& values = place.member(layer, key, ordered_json::value_t::object, "object");
  Importance importance;
  for (const int width : bits) {
    const std::string word = std::to_string(width);
    const Place here = place.at(std::string(key) + "." + word);
    if (!values.contains(word)) here.fail("is missing; every width of \"bits\" needs an indicator");
    const ordered_json& value = values.at(word);
    const double number = value.is_number() ? value.get<double>() : 0;
    if (!(number > 0) || !std::isfinite(number)) {
      here.fail("is " + value.dump() + ", expected a positive number");
    }
    importance[width] = number;
  }
  return importance;
}

ordered_json importance_json(const Importance& importance, const std::vector<int>& bits) {
  auto json = ordered_json::object();
  for (const int width : bits) json[std::to_string(width)] = importance.at(width);
  return json;
}

}  // namespace

const LayerIndicators* Indicators::find(const std::string& name) const {
  for (const LayerIndicators& layer : layers) {
    if (layer.name == name) return &layer;
  }
  return nullptr;
}

Indicators read_indicators(const std::string& path) {
  const Place file(path);
  const auto root = ordered_json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) file.fail("is no JSON object");
  if (root.value("format", ordered_json()) != kFormat ||
      root.value("version", ordered_json()) != 1) {
    file.fail("is no indicator file; expected \"format\": \"" + std::string(kFormat) +
              "\", \"version\": 1");
  }
  Indicators indicators;
  if (root.contains("model") && root["model"].is_string()) indicators.model = root["model"];
  indicators.bits = read_bits(root, file);
  std::set<std::string> names;
  for (const auto& item : file.member(root, "layers", ordered_json::value_t::array, "array")) {
    const Place entry = file.at("layers[" + std::to_string(indicators.layers.size()) + "]");
    LayerIndicators layer;
    layer.name = entry.member(item, "name", ordered_json::value_t::string, "string");
    if (layer.name.rfind("module.", 0) == 0) layer.name.erase(0, 7);
    const Place place = file.at("layer '" + layer.name + "'");
    if (!names.insert(layer.name).second) place.fail("is there twice");
    layer.weight = read_importance(item, "weight", indicators.bits, place);
    layer.activation = read_importance(item, "act", indicators.bits, place);
    indicators.layers.push_back(std::move(layer));
  }
  if (indicators.layers.empty()) file.fail("\"layers\" is empty");
  return indicators;
}

void write_indicators(const std::string& path, const Indicators& indicators) {
  ordered_json root = {{"format", kFormat},
                       {"version", 1},
                       {"model", indicators.model},
                       {"quantizer", "lsq"},
                       {"bits", indicators.bits}};
  root["layers"] = ordered_json::array();
  for (const LayerIndicators& layer : indicators.layers) {
    root["layers"].push_back({{"name", layer.name},
                              {"weight", importance_json(layer.weight, indicators.bits)},
                              {"act", importance_json(layer.activation, indicators.bits)}});
  }
  write_file_atomically(path, root.dump(1) + "\n");
}

std::vector<int> without_outliers(const Importance& importance, const std::vector<int>& bits) {
  std::vector<int> kept;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (i == 0 || importance.at(bits[i]) >= importance.at(bits[i - 1])) kept.push_back(bits[i]);
  }
  return kept;
}

}  // namespace deneb::limpq
