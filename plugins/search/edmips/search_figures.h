#pragma once

#include <vector>

#include <deneb/search/figure.h>

#include "search_training.h"

namespace deneb::edmips {

/// For the report: losses, expected cost, entropy and factor over the steps; how probable every
/// width is on average over the epochs.
std::vector<Figure> search_figures(const SearchSetup& setup, const Trace& trace);
}  // namespace deneb::edmips
