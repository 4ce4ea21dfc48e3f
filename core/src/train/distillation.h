#pragma once

#include <torch/types.h>

namespace deneb::detail {

/// T^2 KL(teacher / T || student / T) of logits [N, classes], mean over the batch.
torch::Tensor distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher,
                                double temperature);

}  // namespace deneb::detail
