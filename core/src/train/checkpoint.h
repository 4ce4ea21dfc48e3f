#pragma once

#include <torch/optim/optimizer.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <deneb/nn/network.h>

#include "train/optimizer_state.h"

namespace deneb::detail {

/// Everything that a training needs to go on: one safetensors file.
struct Checkpoint {
  NamedTensors model;
  NamedTensors ema, best, hooks;    ///< may be empty
  nlohmann::ordered_json progress;  ///< step, epoch sums, history, identity of the training
};

/// Atomic. Also stores the state of the optimizer and of the default CPU generator.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint,
                      torch::optim::Optimizer& optimizer);
/// Restores optimizer and generator, returns the rest. DataError for a damaged file.
Checkpoint read_checkpoint(const std::string& path, torch::optim::Optimizer& optimizer);
/// Only the progress part, without touching any state.
nlohmann::ordered_json read_checkpoint_progress(const std::string& path);

/// Detached copies, quantizer state included.
NamedTensors copy_state(const Network& network);
/// Copies back by name. DataError, with the network unchanged, unless names, shapes and types are
/// those of the network, no more and no fewer.
void restore_state(Network& network, const NamedTensors& state);

}  // namespace deneb::detail
