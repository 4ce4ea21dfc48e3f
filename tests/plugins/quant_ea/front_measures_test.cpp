#include "front_measures.h"

#include <gtest/gtest.h>

#include <deneb/random.h>

#include <cmath>
#include <random>
#include <stdexcept>

namespace deneb::quant_ea {
namespace {

TEST(Hypervolume, OfTwoObjectivesIsExact) {
  // (1,5), (2,3), (4,1) below (6,6): 17, of a box of 36.
  Hypervolume volume({0, 0}, {6, 6});
  EXPECT_NEAR(volume.add({{1, 5}, {2, 3}, {4, 1}}), 17.0 / 36, 1e-12);
  EXPECT_NEAR(volume.add({{0, 0}}), 1, 1e-12);
  EXPECT_NEAR(Hypervolume({0, 0}, {6, 6}).add({{7, 0}, {0, 6}}), 0, 0) << "outside, on the edge";
  EXPECT_NEAR(Hypervolume({0, 0}, {6, 6}).add({{-3, 3}}), .5, 1e-12) << "beyond the best corner";
}

TEST(Hypervolume, DoesNotDependOnUnitsAndLeavesOutConstantObjectives) {
  Hypervolume volume({0, 100, 7}, {6e6, 106, 7});
  EXPECT_NEAR(volume.add({{1e6, 105, 7}, {2e6, 103, 7}, {4e6, 101, 7}}), 17.0 / 36, 1e-12);
  EXPECT_EQ(Hypervolume({1, 1}, {1, 1}).add({{1, 1}}), 0);
  EXPECT_NEAR(Hypervolume({0, 1}, {4, 1}).add({{1, 1}, {3, 1}}), .75, 1e-12);
}

TEST(Hypervolume, OfManyObjectivesIsEstimatedAndNeverFalls) {
  const Point best(6, 0.0), worst(6, 2.0);
  Hypervolume one(best, worst);
  EXPECT_NEAR(one.add({Point(6, .2)}), std::pow(.9, 6), .015);
  Hypervolume volume(best, worst), again(best, worst);
  std::mt19937_64 rng(3);
  double before = 0;
  for (int i = 0; i < 30; ++i) {
    Point point;
    for (int j = 0; j < 6; ++j) point.push_back(2 * deneb::uniform_real(rng));
    const double now = volume.add({point});
    EXPECT_GE(now, before);
    EXPECT_EQ(now, again.add({point}));
    before = now;
  }
  EXPECT_GT(before, 0);
}

TEST(Knee, LiesFurthestBelowTheLineOfTheExtremes) {
  EXPECT_EQ(knee_of({{0, 1e6}, {.1, 2e5}, {.5, 1e5}, {1, 0}}), 1u);
  EXPECT_EQ(knee_of({{1, 0}, {0, 1}}), 0u);
  EXPECT_EQ(knee_of({{3, 3}}), 0u);
  EXPECT_EQ(knee_of({{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {.4, .4, .4}, {.5, .3, .5}}), 3u);
  EXPECT_THROW(knee_of({}), std::invalid_argument);
}

}  // namespace
}  // namespace deneb::quant_ea
