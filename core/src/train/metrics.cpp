#include <deneb/train/evaluator.h>
#include <deneb/train/metrics.h>

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

void Metrics::set(const std::string& name, double value, Direction direction) {
  for (Metric& metric : metrics_) {
    if (metric.name == name) {
      metric = {name, value, direction};
      return;
    }
  }
  metrics_.push_back({name, value, direction});
}

const Metric* Metrics::find(const std::string& name) const {
  for (const Metric& metric : metrics_) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

nlohmann::ordered_json Metrics::to_json() const {
  auto json = nlohmann::ordered_json::object();
  for (const Metric& metric : metrics_) json[metric.name] = metric.value;
  return json;
}

}  // namespace deneb
