#pragma once

#include <torch/types.h>

#include <optional>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/frozen_weights.h>
#include <deneb/nn/network.h>
#include <deneb/nn/training_modes.h>
#include <deneb/train/criterion.h>
#include <deneb/train/metrics.h>

namespace deneb {

/// Measures a network on a stream of batches. The first metric is the one that searches and
/// checkpoints compare.
class DENEB_API Evaluator {
 public:
  static constexpr const char* kKind = "evaluator";
  virtual ~Evaluator();
  /// Names and directions of what evaluate() returns, in its order. No data needed.
  virtual std::vector<Objective> metrics() const = 0;
  /// Puts the network into evaluation mode for the pass and back afterwards; no gradients. Images
  /// are handed over in channels_last. Losses are those of `criterion` (Criterion::measure).
  /// RunError for an empty stream.
  virtual Metrics evaluate(Network& network, BatchStream& stream, const Criterion& criterion,
                           torch::Device device) const = 0;
};

/// What evaluators call on every batch of answers ([N, ...], any device): of NaN nothing can be
/// measured, though comparisons would make an accuracy of it. RunError that says how many samples.
DENEB_API void check_answers(const torch::Tensor& logits);

/// Switches to evaluation mode and every module back to its own, also when an exception passes.
/// Weights stay as they are meanwhile (nn/frozen_weights.h).
class DENEB_API EvaluationMode {
 public:
  explicit EvaluationMode(Network& network);
  ~EvaluationMode();
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  TrainingModes modes_;
  std::optional<FrozenWeights> frozen_;
};

}  // namespace deneb
