#pragma once

#include <cstdint>
#include <random>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Seed of a named branch of the RNG tree: depends on the parent seed and the label only, never on
/// the order of calls, so that adding a consumer does not disturb the others.
DENEB_API std::uint64_t derive_seed(std::uint64_t parent, const std::string& label);
DENEB_API std::uint64_t derive_seed(std::uint64_t parent, std::uint64_t index);

/// Uniform integer in [0, n) by rejection, the same on every platform
/// (std::uniform_int_distribution is not). n > 0.
DENEB_API std::uint64_t uniform_index(std::mt19937_64& rng, std::uint64_t n);
/// Uniform double in [0, 1) with 53 random bits, the same on every platform.
DENEB_API double uniform_real(std::mt19937_64& rng);

}  // namespace deneb
