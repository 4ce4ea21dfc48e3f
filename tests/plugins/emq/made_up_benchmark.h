#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <deneb/random.h>
#include <deneb/search/benchmark.h>

namespace deneb::emq {

/// A benchmark whose accuracies are a sum over the layers and a little noise: what a layer loses
/// falls with its width as `damage` says, layers differ. A third of the policies are "evolve", a
/// quarter "valid".
inline Benchmark made_up_benchmark(const std::vector<std::string>& layers, int policies,
                                   double noise = 0.1,
                                   const std::vector<double>& damage = {1, 0.25, 0.06}) {
  Benchmark benchmark;
  benchmark.name = "made up";
  benchmark.network = "net";
  benchmark.dataset = "made up";
  benchmark.candidate_bits = {2, 3, 4};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    benchmark.layers.push_back({layers[l], 100 * std::int64_t(l % 3 + 1), 1000});
  }
  std::mt19937_64 rng(17);
  std::vector<std::vector<int>> known;
  while (int(benchmark.entries.size()) < policies) {
    BenchmarkEntry entry;
    entry.id = std::int64_t(benchmark.entries.size());
    double loss = 0, bits = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const auto width = std::size_t(uniform_index(rng, 3));
      entry.bits.push_back(int(width) + 2);
      loss += damage[width] * double(l % 4 + 1);
      bits += double(benchmark.layers[l].params) * double(entry.bits.back());
    }
    // Small networks have fewer policies than are wanted.
    const bool few = std::pow(3.0, double(layers.size())) < 2.0 * policies;
    if (!few && std::find(known.begin(), known.end(), entry.bits) != known.end()) continue;
    known.push_back(entry.bits);
    entry.accuracy = 90 - loss + noise * (uniform_real(rng) - 0.5);
    entry.size_bytes = bits / 8;
    entry.bitops = bits * 8;
    const int turn = int(entry.id) % 12;
    entry.split = turn < 4 ? "evolve" : turn < 7 ? "valid" : "test";
    benchmark.entries.push_back(std::move(entry));
  }
  return benchmark;
}

}  // namespace deneb::emq
