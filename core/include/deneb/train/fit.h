#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/network.h>
#include <deneb/train/criterion.h>
#include <deneb/train/evaluator.h>

namespace deneb {

/// Where training stands.
struct StepInfo {
  std::int64_t epoch = 0;  ///< 0-based
  std::int64_t step = 0;   ///< 0-based over all epochs
  std::int64_t total_steps = 0;
  std::int64_t steps_per_epoch = 0;
  double lr = 0;                 ///< of the parameters outside of groups
  std::vector<double> group_lr;  ///< of OptimizerOptions::groups, in their order
  // Of the last step; running means of the epoch in on_progress.
  double loss = 0;       ///< what was minimized: task_loss + penalty
  double task_loss = 0;  ///< of the criterion, distillation included
  double penalty = 0;    ///< what the `loss` hook added
  /// For displays, where epochs do not tell how far it is: "layer1.0"; "" = they do.
  std::string stage;
};

/// Tensors that a checkpoint keeps, by name.
using HookState = std::vector<std::pair<std::string, torch::Tensor>>;

/// Places where a search can take part in training; all optional. Order in a step: before_step,
/// (forward_backward | forward, on_output, loss, backward), gradient clipping, optimizer, moving
/// average of the weights, after_step, on_progress. What a hook throws ends fit(); the last
/// checkpoint stays. The training loop calls them all; other trainers call on_progress only.
struct TrainHooks {
  /// May set `lr` and `group_lr` for this step; other changes have no effect.
  std::function<void(StepInfo&)> before_step;
  /// Sees what the network answered, and to what.
  std::function<void(const Output&, const Batch&)> on_output;
  /// Returns the loss to differentiate, given the task loss (distillation included).
  std::function<torch::Tensor(const StepInfo&, const torch::Tensor& task_loss)> loss;
  std::function<void(const StepInfo&)> after_step;
  /// Replaces the standard pass, distillation included: runs forward and backward itself and
  /// returns the loss to report.
  std::function<torch::Tensor(Network&, const Batch&)> forward_backward;
  std::function<void(const StepInfo&)> on_progress;  ///< after every step, for displays
  /// What the other hooks remember from step to step: save_state is called for every checkpoint,
  /// load_state before a resumed training goes on, with the same names and values (on the CPU).
  /// Give both or none. What load_state cannot use is a DataError.
  std::function<HookState()> save_state;
  std::function<void(const HookState&)> load_state;
};

/// An epoch, or what a trainer without epochs does one after the other (a unit of the network).
struct EpochRecord {
  std::int64_t epoch = 0;  ///< 1-based
  double lr = 0;           ///< at the last step
  double train_loss = 0;   ///< mean over samples, the penalty included
  double penalty = 0;      ///< the part of it that the `loss` hook added
  double seconds = 0;
  /// Empty when not validated. Trainers without epochs may put other measures here.
  Metrics validation;
};

struct FitRequest {
  std::uint64_t seed = 0;  ///< of order, augmentation and the default generator
  torch::Device device = torch::kCPU;
  const Criterion* criterion = nullptr;  ///< nullptr = CrossEntropy with its default options
  const Evaluator* evaluator = nullptr;  ///< for validation; nullptr = none
  /// The caller measures the result itself: validations that choose nothing are left out.
  bool measured_after = false;
  /// Same logits as the network, on the same device, left in evaluation mode; for trainers that
  /// want a teacher.
  std::shared_ptr<Network> teacher;
  std::string checkpoint;  ///< file to write and to resume from; "" = none
  /// RunError when a step is still to do after it. Validation is not cut short.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// Takes lines for the log of the run; may be empty.
  std::function<void(const std::string&)> log;
  TrainHooks hooks;
};

struct FitResult {
  std::vector<EpochRecord> epochs;
  std::int64_t steps = 0;
  bool resumed = false;
};

}  // namespace deneb
