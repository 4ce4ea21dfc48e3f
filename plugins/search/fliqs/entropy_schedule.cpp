#include "entropy_schedule.h"

#include <algorithm>
#include <cmath>

#include <deneb/errors.h>

namespace deneb::fliqs {
namespace {

constexpr double kPi = 3.14159265358979323846;

}  // namespace

EntropySchedule::EntropySchedule(std::string shape, std::int64_t delay, std::int64_t total)
    : shape_(std::move(shape)), delay_(delay), total_(total) {
  const auto known = shapes();
  if (std::find(known.begin(), known.end(), shape_) == known.end()) {
    throw ConfigError("entropy: there is no schedule '" + shape_ + "'");
  }
}

double EntropySchedule::at(std::int64_t step) const {
  if (shape_ == "constant") return 1;
  if (shape_ == "heaviside") return 2 * step > total_ ? 1 : 0;
  if (step >= total_) return 1;
  if (step <= delay_) return 0;
  const double share = double(step - delay_) / double(total_ - delay_);
  return shape_ == "linear" ? share : (1 - std::cos(kPi * share)) / 2;
}

std::vector<std::string> EntropySchedule::shapes() {
  return {"cosine", "linear", "constant", "heaviside"};
}

}  // namespace deneb::fliqs
