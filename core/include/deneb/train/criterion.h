#pragma once

#include <torch/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include <deneb/errors.h>
#include <deneb/nn/batch.h>

namespace deneb {

/// A loss added up over what it is a mean of: samples, or tokens.
struct LossSum {
  double sum = 0;
  std::int64_t count = 0;
};

/// What training minimizes, from the answers of a network and the batch that they belong to.
/// Trainers, evaluators and searches take their losses from here alone. Calls may come from several
/// threads at once.
class DENEB_API Criterion {
 public:
  static constexpr const char* kKind = "criterion";
  virtual ~Criterion();
  /// The loss of a batch, a scalar to differentiate: a mean over what is counted.
  virtual torch::Tensor loss(const Output& output, const Batch& batch) const = 0;
  /// The loss that evaluators report: without what serves training only, such as label smoothing
  /// and auxiliary heads. Sums, so that batches of any size add up exactly. The default is loss()
  /// times the number of samples.
  virtual LossSum measure(const Output& output, const Batch& batch) const;
  /// Which answers are counted: bool, of the shape of the logits without their last dimension. An
  /// undefined tensor (the default) means all. What learns from other answers than the labels, a
  /// teacher's, counts the same ones.
  virtual torch::Tensor counted(const Batch& batch) const;
  /// Name and options for the identity of checkpoints: a training does not go on from a checkpoint
  /// of another criterion. The default, an empty object, tells none apart.
  virtual nlohmann::ordered_json identity() const;
};

}  // namespace deneb
