#pragma once

#include <deneb/search/search_algorithm.h>

#include "emq_options.h"
#include "genotype.h"

namespace deneb::emq {

/// Checks that need no run: the benchmark's layers are the network's (if its file is there), widths
/// are integers. ConfigError.
void check_emq(const SearchSetup& setup, const EmqOptions& options);

/// Evolves a proxy by the benchmark, or takes the one that is given, and applies it to the network
/// of the step. Leaves in the step's folder
///   proxy.json         the proxy (artifact `proxy`)
///   layer_scores.json  its scores of this network, as damage (artifact `layer_scores`)
///   correlations.csv   with a benchmark: how it and others do on every split
///   evolution.json     the last population, the course, and how many proxies were seen and
///   rejected
/// Goes on from its checkpoint. Errors: ConfigError as check_emq() and for a proxy that this
/// network has no finite value of, DataError for files, RunError when hardly any proxy is valid.
SearchResult search_proxy(SearchContext& context, const EmqOptions& options);

}  // namespace deneb::emq
