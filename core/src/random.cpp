#include <deneb/random.h>

namespace deneb {
namespace {

// Finaliser of splitmix64: spreads every input bit over all output bits.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t parent, std::uint64_t index) {
  return mix(mix(parent) ^ (index * 0xd1342543de82ef95ull + 1));
}

std::uint64_t derive_seed(std::uint64_t parent, const std::string& label) {
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a
  for (const unsigned char c : label) hash = (hash ^ c) * 1099511628211ull;
  return derive_seed(parent, hash);
}

std::uint64_t uniform_index(std::mt19937_64& rng, std::uint64_t n) {
  const std::uint64_t limit = n * (UINT64_MAX / n);
  std::uint64_t value = rng();
  while (value >= limit) value = rng();
  return value % n;
}

double uniform_real(std::mt19937_64& rng) { return static_cast<double>(rng() >> 11) * 0x1.0p-53; }

}  // namespace deneb
