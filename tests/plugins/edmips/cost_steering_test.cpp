#include "cost_steering.h"

#include <gtest/gtest.h>

#include <cmath>

namespace deneb::edmips {
namespace {

// One parameter x whose excess is x itself, drawn by a constant force, updated with momentum.
double excess_after(double start, double force, double rate_at_start, std::int64_t steps) {
  CostSteering steering(steps);
  double x = start, velocity = 0;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double rate = rate_at_start * (i < steps / 2 ? 1 : 0.1);
    const double gradient = steering.factor(x, rate / (1 - 0.9), 1.0) + force;
    velocity = 0.9 * velocity + gradient;
    x -= rate * velocity;
  }
  return x;
}

TEST(CostSteering, ComesToTheTargetFromBothSidesAtAnyRate) {
  for (const double start : {-1.0, 0.7}) {
    for (const double rate : {1e-3, 1e-1}) {
      EXPECT_NEAR(excess_after(start, 0, rate, 600), 0, 0.01) << start << " " << rate;
    }
  }
}

TEST(CostSteering, HoldsAgainstAForce) {
  for (const double force : {-0.05, 0.05}) {
    EXPECT_NEAR(excess_after(0.5, force, 0.1, 800), 0, 0.02) << force;
  }
}

TEST(CostSteering, MovesNoFurtherThanItsLimit) {
  CostSteering steering(1000);
  const double rate = 0.1, norm = 1e-6;  // decided probabilities: hardly any gradient
  EXPECT_NEAR(std::abs(steering.factor(3.0, rate, norm)) * rate * norm, 0.2, 1e-9);
  EXPECT_EQ(steering.integral(), 0);  // nothing piles up meanwhile
  EXPECT_EQ(steering.factor(3.0, 0, 1), 0);
}

TEST(CostSteering, GoesOnFromItsIntegral) {
  CostSteering whole(100);
  whole.factor(0.1, 0.1, 1);
  CostSteering resumed(100, whole.integral());
  EXPECT_EQ(whole.factor(0.2, 0.1, 1), resumed.factor(0.2, 0.1, 1));
}

}  // namespace
}  // namespace deneb::edmips
