#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/search/layer_scores.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "search/json_place.h"

namespace deneb {
namespace {

using detail::Place;
using nlohmann::ordered_json;

constexpr const char* kFormat = "deneb-layer-scores";
constexpr const char* kIndicatorFormat = "deneb-importance-indicators";

FormatScores read_scores(const ordered_json& layer, const char* key, const Place& place) {
  FormatScores scores;
  for (const auto& [word, value] :
       place.member(layer, key, ordered_json::value_t::object, "object").items()) {
    const Place here = place.at(std::string(key) + "." + word);
    try {
      Format::parse(word);
    } catch (const ConfigError& e) {
      here.fail(e.what());
    }
    scores[word] = here.number(value);
  }
  return scores;
}

// Widths of the older format, as format words.
std::vector<int> read_bits(const ordered_json& root, const Place& place) {
  std::vector<int> bits;
  for (const auto& item : place.member(root, "bits", ordered_json::value_t::array, "array")) {
    if (!item.is_number_integer() || item < 1 || item > 16) {
      place.fail("\"bits\" holds " + item.dump() + ", expected widths from 1 to 16");
    }
    bits.push_back(item.get<int>());
  }
  if (bits.empty()) place.fail("\"bits\" is empty");
  if (std::set<int>(bits.begin(), bits.end()).size() != bits.size()) {
    place.fail("\"bits\" holds a width twice");
  }
  return bits;
}

FormatScores read_indicators(const ordered_json& layer, const char* key,
                             const std::vector<int>& bits, const Place& place) {
  const ordered_json& values = place.member(layer, key, ordered_json::value_t::object, "object");
  FormatScores scores;
  for (const int width : bits) {
    const std::string word = std::to_string(width);
    const Place here = place.at(std::string(key) + "." + word);
    if (!values.contains(word)) here.fail("is missing; every width of \"bits\" needs an indicator");
    const double number = here.number(values.at(word));
    if (number <= 0) here.fail("is " + values.at(word).dump() + ", expected a positive number");
    scores[Format::integer(width, true).text()] = number;
  }
  return scores;
}

ordered_json to_json(const FormatScores& scores, const std::string& where) {
  auto json = ordered_json::object();
  for (const auto& [word, score] : scores) {
    if (!std::isfinite(score)) {
      throw RunError("layer scores: " + where + "." + word + " is not finite");
    }
    json[word] = score;
  }
  return json;
}

}  // namespace

std::optional<double> find_score(const FormatScores& scores, const Format& format) {
  auto found = scores.find(format.text());
  if (found == scores.end() && format.is_integer()) {
    found = scores.find(Format::integer(format.bits, !format.is_signed()).text());
  }
  if (found != scores.end()) return found->second;
  return format.is_float32() ? std::optional<double>(0.0) : std::nullopt;
}

const LayerScore* LayerScores::find(const std::string& layer) const {
  for (const LayerScore& known : layers) {
    if (known.name == layer) return &known;
  }
  return nullptr;
}

std::optional<double> LayerScores::score(const std::string& layer, QuantizerRole role,
                                         const Format& format) const {
  const LayerScore* known = find(layer);
  return known ? find_score(known->of(role), format) : std::nullopt;
}

LayerScores read_layer_scores(const std::string& path) {
  const Place file(path);
  const auto root = parse_ordered_json(read_file(path));
  if (!root.is_object()) file.fail("is no JSON object");
  const ordered_json format = root.value("format", ordered_json());
  const bool by_width = format == kIndicatorFormat;
  if ((!by_width && format != kFormat) || root.value("version", ordered_json()) != 1) {
    file.fail("is no file of layer scores; expected \"format\": \"" + std::string(kFormat) +
              "\", \"version\": 1");
  }
  LayerScores scores;
  for (const auto& [key, text] :
       {std::make_pair("model", &scores.model), {"origin", &scores.origin}}) {
    if (root.contains(key) && root[key].is_string()) *text = root[key].get<std::string>();
  }
  const std::vector<int> bits = by_width ? read_bits(root, file) : std::vector<int>();
  std::set<std::string> names;
  for (const auto& item : file.member(root, "layers", ordered_json::value_t::array, "array")) {
    const Place entry = file.at("layers[" + std::to_string(scores.layers.size()) + "]");
    LayerScore layer;
    layer.name = entry.member(item, "name", ordered_json::value_t::string, "string");
    if (layer.name.rfind("module.", 0) == 0) layer.name.erase(0, 7);
    const Place place = file.at("layer '" + layer.name + "'");
    if (!names.insert(layer.name).second) place.fail("is there twice");
    layer.weight = by_width ? read_indicators(item, "weight", bits, place)
                            : read_scores(item, "weight", place);
    layer.activation = by_width ? read_indicators(item, "act", bits, place)
                                : read_scores(item, "activation", place);
    scores.layers.push_back(std::move(layer));
  }
  if (scores.layers.empty()) file.fail("\"layers\" is empty");
  return scores;
}

void write_layer_scores(const std::string& path, const LayerScores& scores) {
  ordered_json root = {
      {"format", kFormat}, {"version", 1}, {"model", scores.model}, {"origin", scores.origin}};
  root["layers"] = ordered_json::array();
  for (const LayerScore& layer : scores.layers) {
    root["layers"].push_back(
        {{"name", layer.name},
         {"weight", to_json(layer.weight, layer.name + ".weight")},
         {"activation", to_json(layer.activation, layer.name + ".activation")}});
  }
  write_file_atomically(path, root.dump(1) + "\n");
}

}  // namespace deneb
