#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

enum class Direction { kMaximize, kMinimize };

/// "max" or "min".
DENEB_API const char* direction_word(Direction direction);
/// The inverse; what is not "max" is taken for "min".
DENEB_API Direction parse_direction(const std::string& word);

/// Something to optimise, a metric of the evaluator or a cost model, by name.
struct Objective {
  std::string name;
  Direction direction = Direction::kMaximize;
};

struct Metric {
  std::string name;
  double value = 0;
  Direction direction = Direction::kMaximize;
};

/// Ordered name -> value; the first one is the metric that training reports and compares.
class DENEB_API Metrics {
 public:
  void set(const std::string& name, double value, Direction direction);
  /// nullptr when absent.
  const Metric* find(const std::string& name) const;
  const std::vector<Metric>& all() const { return metrics_; }
  bool empty() const { return metrics_.empty(); }
  /// {"accuracy": 0.91, ...}
  nlohmann::ordered_json to_json() const;

 private:
  std::vector<Metric> metrics_;
};

}  // namespace deneb
