#pragma once

#include <torch/optim/optimizer.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace deneb::detail {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// What SGD, Adam or AdamW remember, as tensors named `<number of the parameter>.<field>`, such as
/// `3.momentum_buffer`. Parameters are numbered through all groups. Tensors are not copied.
///
/// LibTorch's own archive of an optimizer is a program, which its reader parses and runs; a damaged
/// one can do anything. Tensors can only be wrong.
NamedTensors optimizer_state(torch::optim::Optimizer& optimizer);

/// Puts the state into a fresh optimizer of the same kind over the same parameters. DataError (text
/// begins with `where`) when a tensor is missing, unknown or of another shape or type.
void restore_optimizer(torch::optim::Optimizer& optimizer, const NamedTensors& state,
                       const std::string& where);

}  // namespace deneb::detail
