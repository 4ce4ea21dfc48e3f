#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/network.h>
#include <deneb/train/evaluator.h>

namespace deneb {

/// Where training stands.
struct StepInfo {
  std::int64_t epoch = 0;  ///< 0-based
  std::int64_t step = 0;   ///< 0-based over all epochs
  std::int64_t total_steps = 0;
  std::int64_t steps_per_epoch = 0;
  double lr = 0;
  double loss = 0;  ///< of the last step; running mean of the epoch in on_progress
};

/// Places where a search can take part in training; all optional. Order in a step: before_step,
/// (forward_backward | forward, loss, backward), gradient clipping, optimizer, moving average of
/// the weights, after_step, on_progress. What a hook throws ends fit(); the last checkpoint stays.
struct TrainHooks {
  /// May set `lr` for this step; other changes have no effect.
  std::function<void(StepInfo&)> before_step;
  /// Returns the loss to differentiate, given the task loss (distillation included).
  std::function<torch::Tensor(const StepInfo&, const torch::Tensor& task_loss)> loss;
  std::function<void(const StepInfo&)> after_step;
  /// Replaces the standard pass, distillation included: runs forward and backward itself and
  /// returns the loss to report.
  std::function<torch::Tensor(Network&, const Batch&)> forward_backward;
  std::function<void(const StepInfo&)> on_progress;  ///< after every step, for displays
};

struct EpochRecord {
  std::int64_t epoch = 0;  ///< 1-based
  double lr = 0;           ///< at the last step
  double train_loss = 0;   ///< mean over samples
  double seconds = 0;
  Metrics validation;  ///< empty when not validated
};

struct FitRequest {
  std::uint64_t seed = 0;  ///< of order, augmentation and the default generator
  torch::Device device = torch::kCPU;
  const Evaluator* evaluator = nullptr;  ///< for validation; nullptr = none
  /// For distillation; same logits as the network, on the same device, left in evaluation mode.
  std::shared_ptr<Network> teacher;
  std::string checkpoint;  ///< file to write and to resume from; "" = none
  /// RunError when a step is still to do after it. Validation is not cut short.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  TrainHooks hooks;
};

struct FitResult {
  std::vector<EpochRecord> epochs;
  std::int64_t steps = 0;
  bool resumed = false;
};

}  // namespace deneb
