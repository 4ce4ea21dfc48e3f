#pragma once

#include <vector>

#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "limpq_options.h"

namespace deneb::limpq {

/// Trains one step size per width for the weight and the input of every searched layer, all
/// together (LIMPQ, section 3.2): every training step runs the network once at each width of `bits`
/// (descending), weights and activations alike, then mixed_passes times with a width drawn for
/// every layer, and sums the gradients. Every width has batch norms of its own; pinned layers and
/// the batch norms behind them stay float and shared. Continues from the checkpoint in the step's
/// folder. Errors: those of TrainingLoop::fit.
LayerScores train_indicators(SearchContext& context, const TrainingOptions& options,
                             const std::vector<int>& bits);

}  // namespace deneb::limpq
