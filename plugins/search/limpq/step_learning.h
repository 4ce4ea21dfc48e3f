#pragma once

#include <torch/types.h>

#include <vector>

#include <deneb/train/fit.h>

namespace deneb::limpq {

/// Step sizes of a joint training: where they started, and their update relative to that. A bank is
/// the parameter of a StepBank, [widths].
///
/// Differs from the paper, where the optimizer learns the steps with LSQ's gradient scale
/// 1 / sqrt(N Qp), N counting the batch: they need tens of thousands of passes to leave their
/// start. The derivative of the loss by log(step) has the unit of the loss whatever the tensor's
/// magnitude, its size and the batch are, so that one rate fits all banks.
class StepLearning {
 public:
  explicit StepLearning(std::vector<torch::Tensor> banks) : banks_(std::move(banks)) {}

  /// The first call takes the present steps as the initial ones, later ones those that no tensor
  /// had set before. To be called after the passes of every training step, before update().
  void start();
  bool has_started() const { return !initial_.empty(); }

  /// u = momentum u + clamp(d loss / d log(step), -1, 1); step *= exp(-lr u), kept within a factor
  /// of 8 of its start. Takes the gradients of the banks away, so that an optimizer leaves them
  /// alone.
  void update(double lr, double momentum);

  /// As [banks, widths], of the banks in their order; of what has started.
  torch::Tensor initial() const;

  HookState save() const;
  /// DataError for what does not fit the banks.
  void load(const HookState& state);

 private:
  std::vector<torch::Tensor> banks_;
  std::vector<torch::Tensor> initial_, velocity_;  // both empty before start()
};

}  // namespace deneb::limpq
