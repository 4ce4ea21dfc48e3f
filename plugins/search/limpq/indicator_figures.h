#pragma once

#include <vector>

#include <deneb/search/figure.h>

#include "indicators.h"

namespace deneb::limpq {

/// For the report: the indicators of weights and of activations, layer by layer, a line per width.
std::vector<Figure> indicator_figures(const Indicators& indicators);

}  // namespace deneb::limpq
