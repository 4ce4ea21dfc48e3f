#include "cost_steering.h"

#include <algorithm>
#include <cmath>

namespace deneb::edmips {
namespace {

constexpr double kShareOfTraining = 0.05;
constexpr double kFewestSteps = 20;  // twice what a momentum of 0.9 remembers
constexpr double kIntegralFactor = 4;
// Largest change of the parameters by one step, as a length: they are logits of order 1.
constexpr double kLongestMove = 0.2;

}  // namespace

CostSteering::CostSteering(std::int64_t total_steps, double integral)
    : time_constant_(std::max(kFewestSteps, kShareOfTraining * double(total_steps))),
      integral_(integral) {}

double CostSteering::factor(double excess, double rate, double norm) {
  if (rate <= 0 || norm <= 0) return 0;
  const double gain = 1 / (time_constant_ * rate * norm * norm);
  const double most = kLongestMove / (rate * norm);
  const double next = integral_ + gain * excess / (kIntegralFactor * time_constant_);
  const double wanted = gain * excess + next;
  // No integration while the factor is at its limit: it would have to be taken back later.
  if (std::abs(wanted) <= most) integral_ = next;
  return std::clamp(wanted, -most, most);
}

}  // namespace deneb::edmips
