#pragma once

#include <vector>

#include <deneb/search/figure.h>

#include "policy_search.h"

namespace deneb::fliqs {

/// For the report: reward and its parts, cost and entropy over the steps, what switching formats
/// costs, how probable every format is over the epochs.
std::vector<Figure> search_figures(const SearchSpace& space, const Trace& trace);

}  // namespace deneb::fliqs
