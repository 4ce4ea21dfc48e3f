#include "train/distillation.h"

namespace deneb::detail {

torch::Tensor distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher,
                                double temperature) {
  const torch::Tensor log_q = (student / temperature).log_softmax(1);
  const torch::Tensor log_p = (teacher / temperature).log_softmax(1);
  const torch::Tensor divergence = (log_p.exp() * (log_p - log_q)).sum(1).mean();
  return divergence * (temperature * temperature);
}

}  // namespace deneb::detail
