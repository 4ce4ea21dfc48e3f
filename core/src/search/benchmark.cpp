#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/search/benchmark.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "search/json_place.h"

namespace deneb {
namespace {

using detail::Place;
using nlohmann::ordered_json;

constexpr const char* kBenchmarkFormat = "deneb-mqbench";
constexpr const char *kParams = "params", *kBitops = "bitops";  // file keys, no cost models

std::string widths_text(const std::vector<int>& bits) {
  std::string text;
  for (const int width : bits) text += (text.empty() ? "" : ",") + std::to_string(width);
  return text;
}

bool is_percentage(double value) { return value >= 0 && value <= 100; }

Place entry_place(const Place& file, std::size_t index) {
  return file.at("entries[" + std::to_string(index) + "]");
}

void check_entry(const Benchmark& benchmark, const BenchmarkEntry& entry, std::size_t index,
                 const Place& place) {
  if (entry.id != static_cast<std::int64_t>(index)) {
    place.fail("\"id\" is " + std::to_string(entry.id) + ", expected " + std::to_string(index) +
               ": ids count from 0 without gaps");
  }
  if (entry.bits.size() != benchmark.layers.size()) {
    place.fail("has " + std::to_string(entry.bits.size()) + " widths, expected one for each of " +
               std::to_string(benchmark.layers.size()) + " layers");
  }
  for (const int width : entry.bits) {
    const auto& known = benchmark.candidate_bits;
    if (std::find(known.begin(), known.end(), width) == known.end()) {
      place.fail("has the width " + std::to_string(width) + ", expected one of " +
                 widths_text(known) + " (\"candidate_bits\")");
    }
  }
  if (!is_percentage(entry.accuracy)) {
    place.fail("\"accuracy\" is " + ordered_json(entry.accuracy).dump() +
               ", expected percent, 0 to 100");
  }
  const auto& splits = benchmark_splits();
  if (std::find(splits.begin(), splits.end(), entry.split) == splits.end()) {
    place.fail("\"split\" is '" + entry.split + "', expected evolve, valid or test");
  }
}

void check_benchmark(const Benchmark& benchmark, const Place& place) {
  if (benchmark.layers.empty()) place.fail("\"layers\" is empty");
  if (benchmark.entries.empty()) place.fail("\"entries\" is empty");
  std::set<std::string> names;
  for (const BenchmarkLayer& layer : benchmark.layers) {
    if (!names.insert(layer.name).second) place.fail("layer '" + layer.name + "' is there twice");
  }
  const auto& bits = benchmark.candidate_bits;
  if (bits.empty() || bits.front() < 1 || bits.back() > 16 ||
      std::adjacent_find(bits.begin(), bits.end(), std::greater_equal<int>()) != bits.end()) {
    place.fail("\"candidate_bits\" is [" + widths_text(bits) +
               "], expected widths from 1 to 16, ascending");
  }
  if (!std::isnan(benchmark.fp32_accuracy) && !is_percentage(benchmark.fp32_accuracy)) {
    place.fail("\"fp32_accuracy\" is " + ordered_json(benchmark.fp32_accuracy).dump() +
               ", expected percent, 0 to 100");
  }
  std::map<std::vector<int>, std::size_t> first;
  for (std::size_t i = 0; i < benchmark.entries.size(); ++i) {
    const BenchmarkEntry& entry = benchmark.entries[i];
    check_entry(benchmark, entry, i, entry_place(place, i));
    const auto [known, is_new] = first.emplace(entry.bits, i);
    if (!is_new) {
      entry_place(place, i).fail("has the widths of entry " + std::to_string(known->second) +
                                 "; leave one of them out");
    }
  }
}

std::int64_t read_integer(const ordered_json& object, const char* key, const Place& place) {
  const ordered_json value = object.value(key, ordered_json());
  if (!value.is_number_integer()) {
    place.fail(std::string("\"") + key + "\" is " + value.dump() + ", expected an integer");
  }
  return value.get<std::int64_t>();
}

// NaN when it is not there.
double read_optional(const ordered_json& object, const char* key, const Place& place) {
  if (!object.contains(key) || object.at(key).is_null()) return NAN;
  return place.at(key).number(object.at(key));
}

std::vector<int> read_widths(const ordered_json& object, const char* key, const Place& place) {
  std::vector<int> widths;
  for (const ordered_json& item :
       place.member(object, key, ordered_json::value_t::array, "array")) {
    if (!item.is_number_integer() || item < 1 || item > 16) {
      place.fail(std::string("\"") + key + "\" holds " + item.dump() +
                 ", expected widths from 1 to 16");
    }
    widths.push_back(item.get<int>());
  }
  return widths;
}

BenchmarkLayer read_layer(const ordered_json& json, const Place& place) {
  BenchmarkLayer layer;
  layer.name = place.member(json, "name", ordered_json::value_t::string, "string");
  for (const auto& [key, member] :
       {std::make_pair(kParams, &layer.params), {"macs", &layer.macs}}) {
    if (json.contains(key)) *member = read_integer(json, key, place);
  }
  return layer;
}

BenchmarkEntry read_entry(const ordered_json& json, const Place& place) {
  BenchmarkEntry entry;
  entry.bits = read_widths(json, "bits", place);  // first: says so when it is no object
  entry.id = read_integer(json, "id", place);
  entry.accuracy = place.at("accuracy").number(json.value("accuracy", ordered_json()));
  entry.split = place.member(json, "split", ordered_json::value_t::string, "string");
  for (const auto& [key, member] : {std::make_pair("size_bytes", &entry.size_bytes),
                                    {kBitops, &entry.bitops},
                                    {"seconds", &entry.seconds}}) {
    *member = read_optional(json, key, place);
  }
  return entry;
}

Benchmark read_document(const ordered_json& root, const Place& file) {
  if (root.value("format", ordered_json()) != kBenchmarkFormat ||
      root.value("version", ordered_json()) != 1) {
    file.fail("is no benchmark; expected \"format\": \"" + std::string(kBenchmarkFormat) +
              "\", \"version\": 1");
  }
  Benchmark benchmark;
  for (const auto& [key, text] : {std::make_pair("name", &benchmark.name),
                                  {"license", &benchmark.license},
                                  {"network", &benchmark.network},
                                  {"dataset", &benchmark.dataset},
                                  {"metric", &benchmark.metric},
                                  {"evaluated_on", &benchmark.evaluated_on},
                                  {"weights_sha256", &benchmark.weights_sha256},
                                  {"sampler", &benchmark.sampler}}) {
    if (root.contains(key)) {
      *text = file.member(root, key, ordered_json::value_t::string, "string").get<std::string>();
    }
  }
  if (root.contains("num_eval_images")) {
    benchmark.num_eval_images = read_integer(root, "num_eval_images", file);
  }
  if (root.contains("seed")) {
    if (!root["seed"].is_number_unsigned()) file.fail("\"seed\" is no integer from 0");
    benchmark.seed = root["seed"].get<std::uint64_t>();
  }
  benchmark.fp32_accuracy = read_optional(root, "fp32_accuracy", file);
  benchmark.ptq = root.value("ptq", ordered_json::object());
  benchmark.candidate_bits = read_widths(root, "candidate_bits", file);
  for (const auto& item : file.member(root, "layers", ordered_json::value_t::array, "array")) {
    benchmark.layers.push_back(
        read_layer(item, file.at("layers[" + std::to_string(benchmark.layers.size()) + "]")));
  }
  for (const auto& item : file.member(root, "entries", ordered_json::value_t::array, "array")) {
    benchmark.entries.push_back(read_entry(item, entry_place(file, benchmark.entries.size())));
  }
  check_benchmark(benchmark, file);
  return benchmark;
}

// The searched layers of the published benchmark: those of torchvision's ResNet-18 without the
// 1x1 convolutions of its shortcuts, with their weights and MACs at 224 x 224.
std::vector<BenchmarkLayer> resnet18_layers() {
  std::vector<BenchmarkLayer> layers = {{"conv1", 9408, 118013952}};
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t channels = 32LL << stage, side = 112 >> stage;
    for (int block = 0; block < 2; ++block) {
      for (int conv = 1; conv <= 2; ++conv) {
        const bool first = stage > 1 && block == 0 && conv == 1;
        const std::int64_t weights = 9 * channels * (first ? channels / 2 : channels);
        layers.push_back({"layer" + std::to_string(stage) + "." + std::to_string(block) + ".conv" +
                              std::to_string(conv),
                          weights, weights * side * side});
      }
    }
  }
  layers.push_back({"fc", 512000, 512000});
  return layers;
}

BenchmarkEntry read_line(const std::string& line, const Benchmark& benchmark, const Place& place) {
  BenchmarkEntry entry;
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) {
    place.fail("is '" + line.substr(0, 60) + "', expected [4, 4, 2, ...]:69.5");
  }
  try {
    entry.bits = parse_widths(line.substr(0, colon));
  } catch (const ConfigError& e) {
    place.fail(e.what());
  }
  const auto number = parse_ordered_json(line.substr(colon + 1));
  entry.accuracy = place.at("accuracy").number(number.is_discarded() ? ordered_json() : number);
  entry.id = static_cast<std::int64_t>(benchmark.entries.size());
  entry.split = entry.id < 50 ? "evolve" : entry.id < 150 ? "valid" : "test";
  check_entry(benchmark, entry, benchmark.entries.size(), place);
  return entry;
}

Benchmark read_text(const std::string& text, const Place& file) {
  Benchmark benchmark;
  benchmark.name = "MQ-Bench-101";
  benchmark.network = "ResNet-18";
  benchmark.dataset = "ImageNet-1k";
  benchmark.ptq = {{"weight_granularity", "tensor"}, {"activation_bits", 8}};
  benchmark.candidate_bits = {2, 3, 4};
  benchmark.sampler = "as published";
  benchmark.layers = resnet18_layers();
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) continue;
    benchmark.entries.push_back(
        read_line(line, benchmark, file.at("line " + std::to_string(number))));
  }
  if (benchmark.entries.empty()) file.fail("is empty");
  return benchmark;
}

void write_known(ordered_json& json, const char* key, double value) {
  if (std::isfinite(value)) json[key] = value;
}

ordered_json to_json(const BenchmarkEntry& entry) {
  ordered_json json = {{"id", entry.id}, {"bits", entry.bits}, {"accuracy", entry.accuracy}};
  write_known(json, "size_bytes", entry.size_bytes);
  write_known(json, kBitops, entry.bitops);
  write_known(json, "seconds", entry.seconds);
  json["split"] = entry.split;
  return json;
}

ordered_json head_of(const Benchmark& benchmark) {
  ordered_json root = {{"format", kBenchmarkFormat}, {"version", 1}};
  for (const auto& [key, text] : {std::make_pair("name", &benchmark.name),
                                  {"license", &benchmark.license},
                                  {"network", &benchmark.network},
                                  {"dataset", &benchmark.dataset},
                                  {"metric", &benchmark.metric},
                                  {"evaluated_on", &benchmark.evaluated_on}}) {
    if (!text->empty()) root[key] = *text;
  }
  if (benchmark.num_eval_images > 0) root["num_eval_images"] = benchmark.num_eval_images;
  write_known(root, "fp32_accuracy", benchmark.fp32_accuracy);
  if (!benchmark.weights_sha256.empty()) root["weights_sha256"] = benchmark.weights_sha256;
  if (benchmark.ptq.is_object()) root["ptq"] = benchmark.ptq;
  root["candidate_bits"] = benchmark.candidate_bits;
  root["sampler"] = benchmark.sampler;
  root["seed"] = benchmark.seed;
  return root;
}

// An object or a number a line, so that files of hundreds of entries can be read and compared.
std::string array_text(const ordered_json& array) {
  std::string text = "[";
  for (std::size_t i = 0; i < array.size(); ++i) {
    text += (i == 0 ? "\n  " : ",\n  ") + array[i].dump();
  }
  return text + "\n ]";
}

}  // namespace

const BenchmarkEntry& Benchmark::at(std::int64_t id) const {
  if (id < 0 || id >= static_cast<std::int64_t>(entries.size())) {
    throw RunError("benchmark " + name + ": has no entry " + std::to_string(id) +
                   "; ids are 0 to " +
                   std::to_string(static_cast<std::int64_t>(entries.size()) - 1));
  }
  return entries[static_cast<std::size_t>(id)];
}

const BenchmarkEntry* Benchmark::find(const std::vector<int>& bits) const {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&](const BenchmarkEntry& entry) { return entry.bits == bits; });
  return found == entries.rend() ? nullptr : &*found;
}

std::vector<std::int64_t> Benchmark::ids(const std::string& split) const {
  std::vector<std::int64_t> ids;
  for (const BenchmarkEntry& entry : entries) {
    if (entry.split == split) ids.push_back(entry.id);
  }
  return ids;
}

const std::vector<std::string>& benchmark_splits() {
  static const std::vector<std::string> splits = {"evolve", "valid", "test"};
  return splits;
}

std::vector<int> parse_widths(const std::string& text) {
  const auto fail = [&]() -> std::vector<int> {
    throw ConfigError("'" + text.substr(0, 60) + "' is no list of widths, expected [4, 2, 3]");
  };
  const std::size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  if (first == std::string::npos) return fail();
  std::string list = text.substr(first, last - first + 1);
  const bool brackets = list.front() == '[' && list.back() == ']';
  const bool parentheses = list.front() == '(' && list.back() == ')';
  if (list.size() > 1 && (brackets || parentheses)) list = list.substr(1, list.size() - 2);
  const auto array = parse_ordered_json("[" + list + "]");
  if (!array.is_array() || array.empty()) return fail();
  std::vector<int> widths;
  for (const ordered_json& item : array) {
    if (!item.is_number_integer() || item < 1 || item > 16) return fail();
    widths.push_back(item.get<int>());
  }
  return widths;
}

Benchmark read_benchmark(const std::string& path) {
  const Place file(path);
  const std::string text = read_file(path);
  const auto root = parse_ordered_json(text);
  if (root.is_object()) return read_document(root, file);
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string::npos || text[start] == '{') {
    file.fail("is neither a JSON object nor lines of [widths]:accuracy");
  }
  return read_text(text, file);
}

void write_benchmark(const std::string& path, const Benchmark& benchmark) {
  try {
    check_benchmark(benchmark, Place("benchmark"));
  } catch (const DataError& e) {
    throw RunError(e.what());
  }
  auto layers = ordered_json::array(), entries = ordered_json::array();
  for (const BenchmarkLayer& layer : benchmark.layers) {
    layers.push_back({{"name", layer.name}, {kParams, layer.params}, {"macs", layer.macs}});
  }
  for (const BenchmarkEntry& entry : benchmark.entries) entries.push_back(to_json(entry));
  const ordered_json head = head_of(benchmark);
  std::string text = "{";
  for (const auto& [key, value] : head.items()) {
    text += "\n \"" + key + "\": " + value.dump() + ",";
  }
  text +=
      "\n \"layers\": " + array_text(layers) + ",\n \"entries\": " + array_text(entries) + "\n}\n";
  write_file_atomically(path, text);
}

}  // namespace deneb
