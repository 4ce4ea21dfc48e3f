#pragma once

#include <nlohmann/json_fwd.hpp>

#include "environmental_selection.h"

namespace deneb::quant_ea {

/// Everything that a search needs to go on, as plain data. Saved and restored between any two calls
/// of the core it continues bit for bit.
struct Nsga3State {
  unsigned generation = 0;  ///< completed generations; the first selection does not count
  Points genomes;           ///< the population; empty before the first tell()
  Points fitness;           ///< of the population, same order
  Points offspring;         ///< handed out and not told yet; to be evaluated again after a crash
  NormalizationMemory memory;
  Rng rng;
};

/// JSON form {"format": "deneb-nsga3-state", "version": 1, ...}. Numbers survive exactly.
/// from_json throws std::invalid_argument with the name of the field that does not fit; then
/// `state` is unchanged.
void to_json(nlohmann::json& json, const Nsga3State& state);
void from_json(const nlohmann::json& json, Nsga3State& state);

}  // namespace deneb::quant_ea
