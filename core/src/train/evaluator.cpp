#include <deneb/train/evaluator.h>

namespace deneb {

Evaluator::~Evaluator() = default;

EvaluationMode::EvaluationMode(Network& network) : modes_(network) {
  network.eval();
  frozen_.emplace(network);
}

EvaluationMode::~EvaluationMode() = default;

}  // namespace deneb
