#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <deneb/search/layer_scores.h>

namespace deneb::reports {

/// Scores of layers from one origin; several of them where several seeds made them.
struct ScoreSource {
  std::string name;
  std::vector<LayerScores> by_seed;
};

enum class ScoredTensors { kAll, kWeights, kActivations };

/// Layers that a correlation needs: with fewer, it says next to nothing.
constexpr std::size_t kLeastScored = 4;

struct ScoreAgreement {
  double rho = 0;          ///< NaN where it is not defined
  std::size_t groups = 0;  ///< correlations that it is the mean of
};

/// Do two sources order layers alike? Spearman's rho over the layers that both score, for each
/// tensor and width by itself, since scores of different widths differ with every method; the mean
/// of these. Widths that fewer than kLeastScored common layers have, and those whose scores are all
/// equal, are left out.
ScoreAgreement score_agreement(const LayerScores& a, const LayerScores& b, ScoredTensors tensors);

/// The mean over all pairs of their seeds. A source with itself: over pairs of different seeds, and
/// 1 where it has one seed.
std::vector<std::vector<ScoreAgreement>> score_agreements(const std::vector<ScoreSource>& sources,
                                                          ScoredTensors tensors);

}  // namespace deneb::reports
