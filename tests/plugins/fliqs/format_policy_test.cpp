#include "format_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include <deneb/random.h>

#include "entropy_schedule.h"
#include "reward.h"
#include "support/draws.h"

namespace deneb::fliqs {
namespace {

void expect_near(const Table& got, const Table& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].size(), expected[i].size());
    for (std::size_t j = 0; j < got[i].size(); ++j) {
      EXPECT_NEAR(got[i][j], expected[i][j], tolerance) << i << ", " << j;
    }
  }
}

FormatPolicy policy_of(const Table& logits, double lr) {
  std::vector<std::size_t> options;
  for (const auto& row : logits) options.push_back(row.size());
  FormatPolicy policy(options, 1, {lr});
  policy.set_logits(logits);
  return policy;
}

TEST(FormatPolicy, LearnsAsTheOpenCodeDoesFromAUniformStart) {
  FormatPolicy policy({2, 2, 2}, 1, {5e-3});
  const auto g = policy.learn({0, 1, 1}, {0.2, 0.2, 0.2}, 0);
  EXPECT_NEAR(g.loss, .13862944, 5e-9);
  const double d = .03333333;
  expect_near(g.logits, {{-d, d}, {d, -d}, {d, -d}}, 5e-9);
  expect_near(policy.logits(), {{.505, .495}, {.495, .505}, {.495, .505}}, 5e-8);
}

TEST(FormatPolicy, LearnsAsTheOpenCodeDoesWithEntropy) {
  FormatPolicy policy = policy_of({{.2, -.1, .4}, {1, 0, -1}}, 5e-3);
  expect_near(policy.probabilities(),
              {{.33758454, .25008878, .41232669}, {.66524096, .24472847, .09003057}}, 5e-9);
  const auto g = policy.learn({2, 0}, {-0.3, -0.3}, 0.25);
  EXPECT_NEAR(g.mean_entropy, .9554481, 5e-8);
  EXPECT_NEAR(g.loss, .04483023, 5e-9);
  expect_near(g.logits, {{-.05032378, -.02790245, .07822623}, {.01489043, -.01911298, .00422255}},
              5e-9);
  expect_near(policy.logits(), {{.205, -.095, .395}, {.995, .005, -1.005}}, 5e-8);
}

TEST(FormatPolicy, KeepsItsMomentsOverSteps) {
  FormatPolicy policy = policy_of({{.2, -.1, .4}, {1, 0, -1}}, 0.05);
  const std::vector<double> losses = {.76223995, .75299537, .74336997};
  const std::vector<Table> logits = {
      {{.15, -.05, .35}, {1.05, -.05, -.95}},
      {{.09996282, .0000588, .29993888}, {1.10006703, -.10002617, -.90003603}},
      {{.04985761, .05021901, .24977589}, {1.15023669, -.1500842, -.85013325}}};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_NEAR(policy.learn({1, 2}, {0.15, 0.15}, 0.5).loss, losses[i], 5e-9);
    expect_near(policy.logits(), logits[i], 5e-8);
  }
}

TEST(FormatPolicy, GradientIsThatOfTheLoss) {
  std::mt19937_64 rng(3);
  const Table logits = {{.3, -1.2, .7, 0}, {2, -2}, {.1, .2, .3}};
  const std::vector<int> choice = {2, 1, 0};
  const std::vector<double> advantages = {-0.7, 0.4, 0};
  for (const double temperature : {1.0, 0.5, 3.0}) {
    FormatPolicy policy({4, 2, 3}, temperature, {});
    policy.set_logits(logits);
    const Table gradient = policy.gradient(choice, advantages, 0.3).logits;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      for (std::size_t j = 0; j < logits[i].size(); ++j) {
        const auto loss_at = [&](double shift) {
          Table moved = logits;
          moved[i][j] += shift;
          policy.set_logits(moved);
          return policy.gradient(choice, advantages, 0.3).loss;
        };
        EXPECT_NEAR(gradient[i][j], (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5, 1e-9);
      }
    }
  }
}

TEST(FormatPolicy, SamplesByItsProbabilities) {
  FormatPolicy policy = policy_of({{0, std::log(3.0)}, {5, -5}}, 0.1);
  std::mt19937_64 rng(1);
  constexpr int kDraws = 20000;
  int first = 0, second = 0, second_uniform = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto choice = policy.sample(rng, false);
    first += choice[0];
    second += choice[1];
    second_uniform += policy.sample(rng, true)[1];
  }
  const double deviation = std::sqrt(kDraws * 0.25);
  EXPECT_NEAR(first, 0.75 * kDraws, 4 * deviation);
  EXPECT_LT(second, 10);
  EXPECT_NEAR(second_uniform, 0.5 * kDraws, 4 * deviation);
}

TEST(FormatPolicy, GoesOnFromItsState) {
  FormatPolicy one({2, 3}, 1, {0.02});
  for (int i = 0; i < 5; ++i) one.learn({i % 2, i % 3}, {0.1 * i, -0.2}, 0.2);
  FormatPolicy other({2, 3}, 1, {0.02});
  ASSERT_TRUE(other.set_state(one.state()));
  one.learn({1, 1}, {0.4, 0.4}, 0.1);
  other.learn({1, 1}, {0.4, 0.4}, 0.1);
  EXPECT_EQ(one.logits(), other.logits());
  EXPECT_FALSE(FormatPolicy({2, 2}, 1, {}).set_state(one.state()));
}

TEST(Baseline, IsTheAverageOfTheOpenCode) {
  Baseline baseline(0.99);
  const std::vector<double> rewards = {-2.3, -2.1, -1.9, -2.0};
  const std::vector<double> advantages = {0, .198, .39402, .2910798};
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    EXPECT_NEAR(baseline.advantage(rewards[i]), advantages[i], 1e-12);
  }
  Baseline other(0.99);
  ASSERT_TRUE(other.set_state(baseline.state()));
  EXPECT_EQ(other.advantage(1), baseline.advantage(1));
}

TEST(Spread, IsTheRunningRootOfTheMeanSquare) {
  Spread spread(0.9);
  EXPECT_EQ(spread.value(), 0);
  spread.take({3, -4});
  EXPECT_NEAR(spread.value(), std::sqrt(12.5), 1e-12);
  spread.take({1, 1});
  EXPECT_NEAR(spread.value(), std::sqrt((0.9 * 12.5 + 1) / 1.9), 1e-12);
  Spread other(0.9);
  ASSERT_TRUE(other.set_state(spread.state()));
  EXPECT_EQ(other.value(), spread.value());
}

/// Four layers of sizes 1 to 4 at 4 or 8 bits under a budget that fits two more of the first: the
/// optimum is (8, 8, 4, 4), the best but one (8, 8, 8, 4).
struct Toy {
  int optimum = 0;            // seeds whose argmax is the optimum
  double mean_certainty = 0;  // greatest probability, mean over layers and seeds
};

constexpr int kToyLayers = 4;
constexpr double kToyTarget = 52;

double toy_quality(const std::vector<int>& choice) {
  const std::vector<double> sensitivity = {.4, .3, .2, .1};
  double quality = 0;
  for (std::size_t i = 0; i < choice.size(); ++i) quality -= choice[i] == 0 ? sensitivity[i] : 0;
  return quality;
}

double toy_cost(const std::vector<int>& choice) {
  double cost = 0;
  for (std::size_t i = 0; i < choice.size(); ++i) cost += double(i + 1) * (choice[i] == 0 ? 4 : 8);
  return cost;
}

/// Against the running mean of rewards, or by decision.
std::vector<double> toy_advantages(const std::vector<int>& choice, const Table& probabilities,
                                   double quality, double usual_quality, double usual_reward,
                                   bool by_decision) {
  const double earned = reward("tunas_abs", quality, toy_cost(choice) / kToyTarget, 1);
  if (!by_decision) return std::vector<double>(kToyLayers, earned - usual_reward);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < kToyLayers; ++i) {
    double expected = 0;
    for (int option = 0; option < 2; ++option) {
      std::vector<int> other = choice;
      other[i] = option;
      expected += probabilities[i][std::size_t(option)] * toy_cost(other);
    }
    ratios.push_back(expected / kToyTarget);
  }
  return advantages_by_decision("tunas_abs", earned, usual_quality, ratios, 1);
}

/// `scale`: the entropy weight in units of the running spread of advantages; else `fixed`.
Toy play(double fixed, double scale, bool by_decision = false) {
  constexpr int kSeeds = 20, kSteps = 3000, kDelay = 300;
  Toy toy;
  for (int seed = 0; seed < kSeeds; ++seed) {
    FormatPolicy policy({2, 2, 2, 2}, 1, {5e-3});
    const EntropySchedule schedule("cosine", kDelay, kSteps);
    Baseline rewards(0.99), qualities(0.99);
    Spread spread(0.99);
    std::mt19937_64 rng(derive_seed(7, std::uint64_t(seed)));
    for (int t = 0; t < kSteps; ++t) {
      const auto choice = policy.sample(rng, t < kDelay);
      const double quality = toy_quality(choice) + 0.05 * deneb::testing::nearly_normal(rng);
      rewards.advantage(reward("tunas_abs", quality, toy_cost(choice) / kToyTarget, 1));
      qualities.advantage(quality);
      const auto advantages = toy_advantages(choice, policy.probabilities(), quality,
                                             qualities.mean(), rewards.mean(), by_decision);
      spread.take(advantages);
      const double most = scale > 0 ? scale * spread.value() : fixed;
      if (t >= kDelay) policy.learn(choice, advantages, most * schedule.at(t));
    }
    std::vector<int> argmax;
    for (const auto& p : policy.probabilities()) {
      argmax.push_back(p[1] > p[0] ? 8 : 4);
      toy.mean_certainty += std::max(p[0], p[1]) / (4 * kSeeds);
    }
    toy.optimum += argmax == std::vector<int>{8, 8, 4, 4};
  }
  return toy;
}

TEST(FormatPolicy, FindsTheOptimumOfAToyWhereTheEntropyWeightIsScaled) {
  const Toy scaled = play(0, 0.1);
  EXPECT_GE(scaled.optimum, 19);
  EXPECT_GT(scaled.mean_certainty, 0.9);
  EXPECT_GE(play(0.02, 0).optimum, 19);
  EXPECT_GE(play(0, 0).optimum, 19);
  const Toy by_decision = play(0, 0.1, true);
  EXPECT_GE(by_decision.optimum, 19);
  EXPECT_GT(by_decision.mean_certainty, 0.9);
}

// Over all policies by their probabilities: the same gradient in the mean; less noise where
// policies differ more by cost than by quality, as they do in networks
// (plugins/search/fliqs/README.md).
TEST(FormatPolicy, BaselinesByDecisionLeaveTheGradientAndTakeItsNoise) {
  FormatPolicy policy = policy_of({{.2, -.1}, {1, 0}, {0, .5}, {-.3, .3}}, 0.1);
  const Table p = policy.probabilities();
  std::vector<Table> mean(2, Table(kToyLayers, std::vector<double>(2, 0.0)));
  std::vector<double> square(2, 0.0);
  for (int code = 0; code < 16; ++code) {
    std::vector<int> choice;
    double probability = 1;
    for (int i = 0; i < kToyLayers; ++i) {
      choice.push_back(code >> i & 1);
      probability *= p[std::size_t(i)][std::size_t(choice.back())];
    }
    for (const bool by_decision : {false, true}) {
      const auto advantages =
          toy_advantages(choice, p, 0.1 * toy_quality(choice), -.05, -.3, by_decision);
      const Table g = policy.gradient(choice, advantages, 0).logits;
      for (std::size_t i = 0; i < g.size(); ++i) {
        for (std::size_t j = 0; j < g[i].size(); ++j) {
          mean[by_decision][i][j] += probability * g[i][j];
          square[by_decision] += probability * g[i][j] * g[i][j];
        }
      }
    }
  }
  expect_near(mean[1], mean[0], 1e-15);
  EXPECT_LT(square[1], 0.7 * square[0]);
}

// The open code's default decides at once, and mostly for the best but one.
TEST(FormatPolicy, LargeFixedEntropyWeightFreezesTheToyTooEarly) {
  const Toy fixed = play(0.5, 0);
  EXPECT_LE(fixed.optimum, 6);
  EXPECT_GT(fixed.mean_certainty, 0.99);
}

}  // namespace
}  // namespace deneb::fliqs
