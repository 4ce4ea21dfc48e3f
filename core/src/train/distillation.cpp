#include "train/distillation.h"

namespace deneb::detail {

torch::Tensor distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher,
                                const torch::Tensor& counted, const DistillationOptions& options) {
  const double temperature = options.temperature;
  const torch::Tensor log_q = (student / temperature).log_softmax(-1);
  const torch::Tensor log_p = (teacher / temperature).log_softmax(-1);
  const torch::Tensor divergence = (log_p.exp() * (log_p - log_q)).sum(-1);
  const double classes = options.average == "elements" ? double(student.size(-1)) : 1;
  const double factor = temperature * temperature / classes;
  if (!counted.defined() || counted.all().item<bool>()) return divergence.mean() * factor;
  // Nothing at all is no loss.
  const torch::Tensor kept = divergence.masked_fill(counted.logical_not(), 0);
  return kept.sum() / counted.sum().clamp_min(1) * factor;
}

}  // namespace deneb::detail
