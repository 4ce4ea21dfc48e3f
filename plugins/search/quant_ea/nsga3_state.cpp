#include "nsga3_state.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>

#include "reject.h"

namespace deneb::quant_ea {
namespace {

constexpr const char* kStateFormat = "deneb-nsga3-state";
constexpr int kStateVersion = 1;

const nlohmann::json& field(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) reject(std::string("saved state has no field '") + name + "'");
  return *found;
}

template <typename Value>
Value read(const nlohmann::json& json, const char* name) {
  try {
    return field(json, name).get<Value>();
  } catch (const nlohmann::json::exception& error) {
    reject(std::string("field '") + name + "' of the saved state: " + error.what());
  }
}

void check_rows(const Points& points, std::size_t columns, const char* name) {
  for (const Point& point : points) {
    if (point.size() == columns) continue;
    reject(std::string("field '") + name + "' of the saved state has a row of " +
           std::to_string(point.size()) + " numbers, expected " + std::to_string(columns));
  }
}

}  // namespace

void to_json(nlohmann::json& json, const Nsga3State& state) {
  std::ostringstream generator;
  generator << state.rng;
  json = {{"format", kStateFormat},         {"version", kStateVersion},
          {"generation", state.generation}, {"genomes", state.genomes},
          {"fitness", state.fitness},       {"offspring", state.offspring},
          {"ideal", state.memory.ideal},    {"extremes", state.memory.extremes},
          {"rng", generator.str()}};
}

void from_json(const nlohmann::json& json, Nsga3State& state) {
  if (!json.is_object() || read<std::string>(json, "format") != kStateFormat) {
    reject(std::string("saved state: expected an object with \"format\": \"") + kStateFormat +
           "\"");
  }
  if (const int version = read<int>(json, "version"); version != kStateVersion) {
    reject("saved state has version " + std::to_string(version) + ", expected " +
           std::to_string(kStateVersion) + "; it was written by another release");
  }
  Nsga3State loaded;
  loaded.generation = read<unsigned>(json, "generation");
  loaded.genomes = read<Points>(json, "genomes");
  loaded.fitness = read<Points>(json, "fitness");
  loaded.offspring = read<Points>(json, "offspring");
  loaded.memory.ideal = read<Point>(json, "ideal");
  loaded.memory.extremes = read<Points>(json, "extremes");
  std::istringstream generator(read<std::string>(json, "rng"));
  if (!(generator >> loaded.rng)) {
    reject("field 'rng' of the saved state is not the text of a 64-bit Mersenne Twister");
  }
  if (loaded.genomes.size() != loaded.fitness.size()) {
    reject("saved state has " + std::to_string(loaded.genomes.size()) + " genomes and " +
           std::to_string(loaded.fitness.size()) + " rows of fitness, expected as many");
  }
  if (!loaded.genomes.empty()) check_rows(loaded.genomes, loaded.genomes[0].size(), "genomes");
  check_rows(loaded.fitness, loaded.memory.ideal.size(), "fitness");
  check_rows(loaded.memory.extremes, loaded.memory.ideal.size(), "extremes");
  state = std::move(loaded);
}

}  // namespace deneb::quant_ea
