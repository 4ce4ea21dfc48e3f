#pragma once

#include <string>
#include <vector>

#include <deneb/search/figure.h>
#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "limpq_options.h"

namespace deneb::limpq {

/// Step sizes by layer, tensor and width: as learned, and as they were when every width had seen
/// its first batch.
struct LearnedSteps {
  LayerScores learned, initial;
};

/// Trains one step size per width for the weight and the input of every searched layer, all
/// together (LIMPQ, section 3.2): every training step runs the network once at each width of `bits`
/// (descending), weights and activations alike, then mixed_passes times with a width drawn for
/// every layer, and sums the gradients. Every width has batch norms of its own; pinned layers and
/// the batch norms behind them stay float and shared. Continues from the checkpoint in the step's
/// folder. Errors: those of TrainingLoop::fit.
LearnedSteps train_steps(SearchContext& context, const TrainingOptions& options,
                         const std::vector<int>& bits);

/// TrainingOptions::indicator of steps.
/// Differs from the paper in "noise": (learned / initial step of the narrowest width)^2. The power
/// of the rounding noise goes with the square of the step, and what it does to a layer with its
/// share in the tensor; a step alone is mostly the tensor's magnitude.
LayerScores indicators_of(const LearnedSteps& steps, const std::string& indicator);

/// For the report: learned / initial step of every layer and width, weights and activations.
std::vector<Figure> drift_figures(const LearnedSteps& steps);

}  // namespace deneb::limpq
