#pragma once

#include <c10/core/Device.h>
#include <torch/types.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <deneb/nn/batch.h>
#include <deneb/nn/network.h>
#include <deneb/train/criterion.h>

#include "hessian.h"

namespace deneb {
class DataLoader;
}

/// What training-free proxies look at: one batch, no training.
namespace deneb::emq {

/// What one batch says about one layer. Undefined tensors and NaN were not asked for. No graphs; no
/// memory shared with the network. L is the loss of the batch, in evaluation mode.
struct LayerStatistics {
  std::string name;                   ///< dotted, as in LayerInfo
  torch::Tensor weight;               ///< W
  torch::Tensor activation;           ///< output of the layer [B, ...], before batch norm
  torch::Tensor gradient;             ///< dL/dW
  torch::Tensor virtual_gradient;     ///< d(sum of logits)/dW for an input of ones
  torch::Tensor activation_gradient;  ///< dL/d(output), as `activation`
  torch::Tensor fisher_diagonal;      ///< mean over samples of (dL_sample/dW)^2, of the shape of W
  double hessian_trace = std::numeric_limits<double>::quiet_NaN();       ///< of d2L/dW2
  double hessian_eigenvalue = std::numeric_limits<double>::quiet_NaN();  ///< of largest magnitude
};

struct StatisticsRequest {
  bool weight = false, activation = false, gradient = false, virtual_gradient = false,
       activation_gradient = false, fisher_diagonal = false, hessian_trace = false,
       hessian_eigenvalue = false;
  bool convolutions_only = false;  ///< leave linear layers out
  HessianOptions hessian;
  /// File that keeps finished traces and eigenvalues, so that an interrupted run goes on with the
  /// next layer; empty = none. `identity` names what they belong to: a file of another identity is
  /// a ConfigError.
  std::string hessian_record, identity;
};

/// What it took.
struct StatisticsWork {
  std::int64_t forward_passes = 0, backward_passes = 0, hessian_products = 0;
  StatisticsWork& operator+=(const StatisticsWork& other);
};

/// Statistics of every quantizable layer that takes part in the forward pass, in forward order. The
/// network must be on `device`, without quantizers; the batch may be anywhere. The network comes
/// back as it was: mode, parameters and their gradients. Nothing accumulates over calls, and no
/// observers are left. Equal arguments and equal states of `rng` give equal results; of `rng` one
/// number is taken, and none if no statistic of the Hessian is asked for.
///
/// ConfigError when a virtual gradient is asked of a network that reads no floating point input
/// (texts), RunError for a loss that is not finite.
std::vector<LayerStatistics> collect_statistics(Network& network, const Batch& batch,
                                                const Criterion& criterion,
                                                const StatisticsRequest& request,
                                                std::mt19937_64& rng, c10::Device device,
                                                StatisticsWork* work = nullptr);

/// The first batches * batch_size training samples in their fixed order, which is random, without
/// augmentation. Texts are padded to the longest of their batch. RunError when there are too few.
std::vector<Batch> first_batches(const DataLoader& data, int batch_size, int batches);

}  // namespace deneb::emq
