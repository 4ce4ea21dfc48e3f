#pragma once

#include <deneb/pipeline/console.h>
#include <deneb/quant/layer_info.h>
#include <deneb/search/search_algorithm.h>
#include <deneb/store/trial_store.h>

#include <string>
#include <vector>

namespace deneb::detail {

/// The result of a search as a table of its objectives and these costs. `is_front`: is it a Pareto
/// front?
void print_candidates(Console& console, const NetworkInfo& network, const SearchResult& result,
                      const std::vector<std::string>& costs, bool is_front);
/// The models of a training or evaluation step as a table with these costs; `metric` is the
/// evaluator's first.
void print_models(Console& console, const std::vector<ResultRow>& models, const std::string& metric,
                  const std::vector<std::string>& costs);

}  // namespace deneb::detail
