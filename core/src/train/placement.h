#pragma once

#include <torch/types.h>

#include <deneb/nn/batch.h>
#include <deneb/nn/network.h>

namespace deneb::detail {

/// Convolution weights in channels_last.
void use_channels_last(Network& network);
/// The batch on `device`, images in channels_last where wanted.
Batch on_device(const Batch& batch, torch::Device device, bool channels_last);

}  // namespace deneb::detail
