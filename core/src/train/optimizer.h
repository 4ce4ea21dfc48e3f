#pragma once

#include <torch/optim/optimizer.h>

#include <memory>

#include <deneb/nn/network.h>
#include <deneb/train/trainer_options.h>

namespace deneb::detail {

/// SGD, Adam or AdamW over all parameters of the network.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const OptimizerOptions& options,
                                                        const Network& network);

}  // namespace deneb::detail
