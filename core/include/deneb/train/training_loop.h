#pragma once

#include <string>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/network.h>
#include <deneb/train/fit.h>
#include <deneb/train/trainer_options.h>

namespace deneb {

/// The gradient loop: batches, criterion, distillation, optimizer, schedule, averages, checkpoints.
/// The trainer `Trainer` is this; searches that train themselves drive it by hooks. One object
/// serves one fit() at a time.
class DENEB_API TrainingLoop {
 public:
  explicit TrainingLoop(const TrainerOptions& options) : options_(options) {}

  /// Trains in place. With a checkpoint file of the same options, seed and data, continues exactly
  /// where it was written: on the CPU the result equals that of an undisturbed run with the same
  /// number of threads (random draws on a GPU are not part of a checkpoint). RunError when the loss
  /// is not finite or the deadline passes; Interrupted (after a checkpoint) when a stop was asked
  /// for; ConfigError for a checkpoint of other options, of another criterion, or with hook state
  /// where there are no hooks for it and the other way round, and for a parameter group that
  /// matches nothing; DataError for a damaged checkpoint.
  FitResult fit(Network& network, const DataLoader& data, const FitRequest& request) const;

 private:
  TrainerOptions options_;
};

/// A training pass in TrainerOptions::precision; logits and auxiliary heads are float32. For hooks
/// that replace the standard pass.
DENEB_API Output forward(Network& network, const Batch& batch, const std::string& precision);

}  // namespace deneb
