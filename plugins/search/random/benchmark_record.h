#pragma once

#include <deneb/search/benchmark.h>
#include <deneb/search/search_algorithm.h>

#include <cstdint>
#include <string>
#include <vector>

#include "random_options.h"

namespace deneb::random_search {

/// ConfigError where policies cannot be entries of a benchmark: what is searched is not only
/// integer widths of weights, or the metric is no accuracy.
void check_benchmark_space(const BenchmarkOptions& options, const SearchSetup& setup);

/// The record of all trials that finished. `policies` and `trials` go together; which of them are
/// split off, the RNG `splits` of the context decides.
Benchmark record_benchmark(SearchContext& context, const BenchmarkOptions& options,
                           const std::string& sampler, const std::vector<BitPolicy>& policies,
                           const std::vector<TrialResult>& trials);

/// How accuracies are distributed, over the policies of each split.
std::vector<Figure> benchmark_figures(const Benchmark& benchmark);
/// What the width of each layer does to the mean accuracy.
std::vector<HeatMap> benchmark_maps(const Benchmark& benchmark);

}  // namespace deneb::random_search
