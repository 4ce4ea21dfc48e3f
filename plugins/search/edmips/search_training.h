#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <deneb/train/metrics.h>

#include "relaxed_network.h"

namespace deneb::edmips {

/// Where the search stood after a step.
struct TracePoint {
  std::int64_t step = 0;      ///< 1-based
  double task_loss = 0;       ///< of that batch
  double penalty = 0;         ///< what was added to it
  double factor = 0;          ///< of the penalty: complexity_decay, or what the steering chose
  double weight_entropy = 0;  ///< mean_entropy()
  double activation_entropy = 0;
  std::vector<double> costs;  ///< expected, of the whole network, in the order of Trace::costs
};

struct EpochState {
  Probabilities probabilities;
  Metrics validation;  ///< of the relaxed network; empty where it was not validated
};

/// What the search leaves.
struct Trace {
  std::vector<std::string> costs;  ///< of the penalty, or the target's
  std::vector<TracePoint> points;  ///< about 200, in even steps
  std::vector<EpochState> epochs;  ///< one or more; the last is the end of the search
  std::size_t best = 0;            ///< index into epochs: the best by the evaluator's first metric
};

/// Trains weights and architecture parameters together, with one backward pass for both (the
/// one-level optimization of the paper). Goes on from its checkpoint. Leaves `weights.safetensors`
/// in the step's folder where options ask for it. Errors: those of the training loop, network,
/// quantizers and data.
Trace train_relaxed(SearchContext& context, const EdmipsOptions& options);

}  // namespace deneb::edmips
