#pragma once

#include <vector>

#include <deneb/search/figure.h>
#include <deneb/search/layer_scores.h>

namespace deneb::searches {

/// For the report: the scores of weights and of activations, layer by layer, a line per format.
std::vector<Figure> score_figures(const LayerScores& scores);
/// The same as colors: formats by layers.
std::vector<HeatMap> score_heat_maps(const LayerScores& scores);

}  // namespace deneb::searches
