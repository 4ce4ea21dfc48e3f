#include <deneb/train/evaluator.h>

namespace deneb {

Evaluator::~Evaluator() = default;

EvaluationMode::EvaluationMode(Network& network)
    : network_(network), training_(network.is_training()) {
  network_.eval();
  try {
    frozen_.emplace(network_);
  } catch (...) {
    network_.train(training_);
    throw;
  }
}

EvaluationMode::~EvaluationMode() {
  frozen_.reset();
  network_.train(training_);
}

}  // namespace deneb
