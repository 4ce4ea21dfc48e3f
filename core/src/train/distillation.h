#pragma once

#include <torch/types.h>

#include <deneb/errors.h>
#include <deneb/train/trainer_options.h>

namespace deneb::detail {

/// T^2 KL(teacher / T || student / T) over the last dimension of logits [..., classes], averaged
/// as the options say over the answers that count. `counted`: bool [...]; undefined = all.
DENEB_API torch::Tensor distillation_loss(const torch::Tensor& student,
                                          const torch::Tensor& teacher,
                                          const torch::Tensor& counted,
                                          const DistillationOptions& options);

}  // namespace deneb::detail
