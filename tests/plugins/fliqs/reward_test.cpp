#include "reward.h"

#include <gtest/gtest.h>

#include <deneb/errors.h>

namespace deneb::fliqs {
namespace {

struct Row {
  double quality, cost, target, beta, tunas, one_sided, soft, hard;
};

// The values of the open code's functions (its own unit tests are among them).
TEST(Reward, IsThatOfTheOpenCode) {
  for (const Row& r : {Row{.8, 15, 5, 1, -1.2, -1.2, 2.4, 2.4},
                       {.9, 5, 5, 1, .9, .9, .9, .9},
                       {.95, 3, 5, 2, .15, .95, .342, .95},
                       {.8, 10, 5, 1, -.2, -.2, 1.6, 1.6},
                       {.9, 3, 6, 2, -.1, .9, .225, .9},
                       {-.693147, 60, 50, 1, -.893147, -.893147, -.8317764, -.8317764},
                       {-2.302585, 40, 50, 1, -2.502585, -2.302585, -1.842068, -2.302585},
                       {-.5, 7.5, 5, .5, -.75, -.75, -.612372436, -.612372436},
                       {.75, 7.5, 5, -.07, .785, .785, .729012333, .729012333},
                       {.75, 2.5, 5, -.07, .785, .75, .787287513, .75}}) {
    const double rho = r.cost / r.target;
    EXPECT_NEAR(reward("tunas_abs", r.quality, rho, r.beta), r.tunas, 1e-9);
    EXPECT_NEAR(reward("one_sided_tunas_abs", r.quality, rho, r.beta), r.one_sided, 1e-9);
    EXPECT_NEAR(reward("soft_exponential", r.quality, rho, r.beta), r.soft, 1e-9);
    EXPECT_NEAR(reward("hard_exponential", r.quality, rho, r.beta), r.hard, 1e-9);
  }
  EXPECT_THROW(reward("tunas", 1, 1, 1), ConfigError);
}

TEST(Reward, PunishingBetaMakesCostALossForEveryQuality) {
  for (const std::string& form : reward_forms()) {
    for (const double quality : {-2.3, 0.8}) {
      for (const double beta : {0.5, -0.5}) {
        SCOPED_TRACE(form + " " + std::to_string(quality));
        const double used = punishing_beta(form, beta, quality);
        EXPECT_LT(reward(form, quality, 1.5, used), reward(form, quality, 1.0, used));
        EXPECT_LT(reward(form, quality, 2.0, used), reward(form, quality, 1.5, used));
      }
    }
  }
}

}  // namespace
}  // namespace deneb::fliqs
