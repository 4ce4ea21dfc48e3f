#include <deneb/train/metrics.h>

namespace deneb {

const char* direction_word(Direction direction) {
  return direction == Direction::kMaximize ? "max" : "min";
}

Direction parse_direction(const std::string& word) {
  return word == "max" ? Direction::kMaximize : Direction::kMinimize;
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
