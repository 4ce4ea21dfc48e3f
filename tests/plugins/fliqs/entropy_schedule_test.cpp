#include "entropy_schedule.h"

#include <gtest/gtest.h>

#include <deneb/errors.h>

namespace deneb::fliqs {
namespace {

TEST(EntropySchedule, IsThatOfTheOpenCode) {
  const EntropySchedule linear("linear", 100, 1000), cosine("cosine", 100, 1000);
  struct Point {
    int step;
    double linear, cosine;
  };
  for (const Point& p : {Point{0, 0, 0},
                         {100, 0, 0},
                         {101, .000555556, .000001523},
                         {200, .055555556, .015076845},
                         {325, .125, .073223305},
                         {550, .25, .25},
                         {775, .375, .426776695},
                         {999, .499444444, .499998477},
                         {1000, .5, .5},
                         {2000, .5, .5}}) {
    SCOPED_TRACE(p.step);
    EXPECT_NEAR(0.5 * linear.at(p.step), p.linear, 5e-10);
    EXPECT_NEAR(0.5 * cosine.at(p.step), p.cosine, 5e-10);
  }
  const EntropySchedule heaviside("heaviside", 100, 1000);
  EXPECT_EQ(heaviside.at(500), 0);
  EXPECT_EQ(heaviside.at(501), 1);
  EXPECT_EQ(EntropySchedule("constant", 100, 1000).at(0), 1);
  EXPECT_THROW(EntropySchedule("step", 0, 1), ConfigError);
}

}  // namespace
}  // namespace deneb::fliqs
