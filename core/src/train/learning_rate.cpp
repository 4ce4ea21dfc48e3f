#include <deneb/train/learning_rate.h>

#include <algorithm>
#include <cmath>

namespace deneb {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kOneCycleStart = 25.0;  // Smith and Topin: start at a fraction of the peak

// From `from` at t = 0 to `to` at t = 1 along half a cosine.
double anneal(double from, double to, double t) {
  return to + 0.5 * (from - to) * (1.0 + std::cos(kPi * std::clamp(t, 0.0, 1.0)));
}

}  // namespace

double learning_rate(const LrSchedulerOptions& s, double base_lr, std::int64_t step,
                     std::int64_t steps_per_epoch, std::int64_t total_steps) {
  if (!s.per_step) step = step / steps_per_epoch * steps_per_epoch;
  const double at = static_cast<double>(step), all = std::max<double>(1, double(total_steps));
  const double warmup = s.warmup_epochs * static_cast<double>(steps_per_epoch);
  if (at < warmup && s.type != "OneCycle") {
    return s.warmup_lr + (base_lr - s.warmup_lr) * at / warmup;
  }
  if (s.type == "MultiStep") {
    const std::int64_t epoch = step / steps_per_epoch;
    const auto passed = std::count_if(s.milestones.begin(), s.milestones.end(),
                                      [epoch](int milestone) { return epoch >= milestone; });
    return base_lr * std::pow(s.gamma, static_cast<double>(passed));
  }
  if (s.type == "Cosine") {
    const double end = all - s.cooldown_epochs * static_cast<double>(steps_per_epoch);
    const double start = s.shift ? warmup : 0;
    return anneal(base_lr, s.min_lr, (at - start) / std::max(1.0, end - start));
  }
  if (s.type == "Linear") {
    const double done = (at - warmup) / std::max(1.0, all - warmup);
    return base_lr + (s.min_lr - base_lr) * std::clamp(done, 0.0, 1.0);
  }
  if (s.type == "OneCycle") {
    const double rise = s.warmup_share * all;
    if (at < rise) return anneal(base_lr / kOneCycleStart, base_lr, at / rise);
    return anneal(base_lr, s.min_lr, (at - rise) / std::max(1.0, all - rise));
  }
  return base_lr;
}

}  // namespace deneb
