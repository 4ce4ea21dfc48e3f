#pragma once

#include <torch/types.h>

#include <cstdint>

#include <deneb/data/data_loader.h>
#include <deneb/errors.h>
#include <deneb/nn/network.h>

namespace deneb {

/// Re-estimates running statistics of all batch norms: plain average of the means and unbiased
/// variances of `batches` training batches (all when larger), weights untouched. Other modules are
/// in evaluation mode meanwhile: nothing is dropped, no running range moves, rounding is hard.
DENEB_API void recalibrate_batch_norms(Network& network, const DataLoader& data,
                                       std::int64_t batches, std::uint64_t seed,
                                       torch::Device device);

}  // namespace deneb
