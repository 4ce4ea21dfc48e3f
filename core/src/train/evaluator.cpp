#include <deneb/train/evaluator.h>

#include <cmath>
#include <string>

namespace deneb {

Evaluator::~Evaluator() = default;

void check_answers(const torch::Tensor& logits) {
  // One pass: a sum is NaN if a summand is; infinities of both signs are looked at again.
  if (!std::isnan(logits.sum().item<double>())) return;
  const torch::Tensor broken = logits.isnan().flatten(1).any(1);
  const auto count = broken.sum().item<std::int64_t>();
  if (count == 0) return;
  throw RunError("the network answers NaN for " + std::to_string(count) + " of " +
                 std::to_string(broken.numel()) +
                 " samples of a batch; its training diverged (lower the learning rate) or its "
                 "weights are damaged");
}

EvaluationMode::EvaluationMode(Network& network) : modes_(network) {
  network.eval();
  frozen_.emplace(network);
}

EvaluationMode::~EvaluationMode() = default;

}  // namespace deneb
