#pragma once

#include <cstdint>

namespace deneb::edmips {

/// Finds the factor of log(expected cost / target) in the loss, step by step, so that the expected
/// cost comes to the target and stays there, from either side. A proportional and integral
/// controller: the factor is the multiplier of an equality constraint. It is signed, because what
/// is too cheap has to be drawn upwards: the task loss alone moves the architecture parameters too
/// slowly, and does not care for a budget that is left over.
///
/// The proportional gain is set anew at every step from the slope, the change of the log excess in
/// one step for a factor of 1, so that an excess decays in a twentieth of the training (20 steps at
/// least) whatever the learning rate, the network or the cost; the integral, four times slower,
/// takes over what the task loss pulls. A bisection of the penalty's factor over short runs would
/// cost many runs and still end beside the target, because the longer run decides otherwise.
class CostSteering {
 public:
  CostSteering(std::int64_t total_steps, double integral = 0);

  /// The factor for this step. `excess` = log(expected cost / target); `rate` = change of a
  /// parameter per unit of its gradient, momentum included; `norm` = of the gradient of `excess` by
  /// all parameters.
  double factor(double excess, double rate, double norm);
  /// All that is remembered from step to step.
  double integral() const { return integral_; }

 private:
  double time_constant_;
  double integral_;
};

}  // namespace deneb::edmips
