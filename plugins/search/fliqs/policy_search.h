#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <deneb/train/metrics.h>

#include "decisions.h"
#include "fliqs_options.h"
#include "sampled_network.h"

namespace deneb::fliqs {

/// What a step saw; means over the steps since the point before it.
struct TracePoint {
  std::int64_t step = 0;  ///< 1-based
  double quality = 0;
  double reward = 0;
  double baseline = 0;    ///< running mean of rewards
  double cost_ratio = 0;  ///< of the sampled policies to the target
  double expected_ratio = 0;
  double entropy = 0;  ///< mean over decisions, 1 = undecided
  double entropy_weight = 0;
};

/// Loss of one fixed batch of the validation split, in evaluation mode.
struct Probe {
  std::int64_t step = 0;
  double argmax = 0, sampled = 0;
  std::vector<double> uniform;  ///< in the order of SearchSpace::uniform()
};

struct Trace {
  std::vector<TracePoint> points;               ///< about 200
  std::vector<Probe> probes;                    ///< FliqsOptions::probes
  std::vector<searches::Probabilities> epochs;  ///< at the end of each; one or more
};

/// Trains the weights on a new random policy at every step and the policy's logits by REINFORCE
/// (Dotzel et al. 2024). Leaves the shared weights in `network`. Goes on from its checkpoint.
/// Errors: those of the training loop, network, quantizers and data.
Trace search_policy(SearchContext& context, const FliqsOptions& options, SampledNetwork& network);

}  // namespace deneb::fliqs
