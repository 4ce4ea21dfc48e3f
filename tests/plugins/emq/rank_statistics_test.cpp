#include "rank_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include <deneb/random.h>

namespace deneb::emq {
namespace {

const Values kTruth = {70.1, 68.2, 69.5, 66.0, 69.5, 71.3, 64.4, 67.7, 70.9, 65.2};
const Values kScore = {.9, .5, .7, .2, .6, .8, .3, .5, 1.0, .1};

TEST(RankStatistics, GivesTheNumbersOfScipy) {
  EXPECT_NEAR(spearman(kScore, kTruth).value(), 0.9207317073, 1e-10);
  EXPECT_NEAR(kendall(kScore, kTruth).value(), 0.7954545455, 1e-10);
  EXPECT_NEAR(pearson(kScore, kTruth).value(), 0.9250915992, 1e-9);
  EXPECT_NEAR(spearman({1, 2, 2, 3}, {1, 3, 2, 2}).value(), 0.5, 1e-12);
  EXPECT_NEAR(kendall({1, 2, 2, 3}, {1, 3, 2, 2}).value(), 0.4, 1e-12);
}

TEST(RankStatistics, OfTheTop) {
  const auto by = TopBy::kPredicted;
  EXPECT_NEAR(spearman_of_top(kTruth, kScore, 1, by).value(), 0.9207317073, 1e-10);
  EXPECT_NEAR(spearman_of_top(kTruth, kScore, 0.5, by).value(), 0.6668859289, 1e-10);
  EXPECT_NEAR(spearman_of_top(kTruth, kScore, 0.2, by).value(), 1.0, 1e-12);
  EXPECT_NEAR(spearman_top_k(kTruth, kScore, by).value(), 0.8625392121, 1e-10);
  EXPECT_NEAR(spearman_of_top(kTruth, kScore, 0.5, TopBy::kTruth).value(), 0.6668859289, 1e-10);
  EXPECT_NEAR(spearman_of_top(kTruth, kScore, 0.2, TopBy::kTruth).value(), -1, 1e-12);
  EXPECT_NEAR(spearman_top_k(kTruth, kScore, TopBy::kTruth).value(), 0.1958725454, 1e-10);
  EXPECT_EQ(mean_rank_drop(kTruth, kScore), 0.5);
  EXPECT_EQ(precision_of_top(kTruth, kScore, 0.2), 0.5);
  EXPECT_EQ(precision_of_top(kTruth, kScore, 0.5), 1.0);
}

TEST(RankStatistics, WhatIsNotDefinedHasNoValue) {
  const Values constant(10, 1.0);
  Values nan = kScore;
  nan[3] = std::nan("");
  for (const Values& score : {constant, nan}) {
    EXPECT_FALSE(spearman(kTruth, score));
    EXPECT_FALSE(kendall(kTruth, score));
    EXPECT_FALSE(pearson(kTruth, score));
    EXPECT_FALSE(spearman_top_k(kTruth, score, TopBy::kPredicted));
  }
  EXPECT_FALSE(spearman_of_top(kTruth, kScore, 0.1, TopBy::kPredicted));  // one item
  // A fifth of four items is none and left out, a half of them two.
  EXPECT_TRUE(spearman_top_k({1, 2, 3, 4}, {1, 3, 2, 4}, TopBy::kPredicted));
  EXPECT_FALSE(spearman_top_k({}, {}, TopBy::kPredicted));
}

TEST(RankStatistics, BootstrapCoversAndIsRepeatable) {
  std::mt19937_64 rng(3);
  Values truth, score;
  for (int i = 0; i < 200; ++i) {
    truth.push_back(uniform_real(rng));
    score.push_back(truth.back() + 0.5 * uniform_real(rng));
  }
  const auto rho = [](const Values& t, const Values& s) { return spearman(s, t); };
  const double value = rho(truth, score).value();
  const auto interval = bootstrap(truth, score, rho, 500, 1);
  ASSERT_TRUE(interval);
  EXPECT_LT(interval->low, value);
  EXPECT_GT(interval->high, value);
  // The standard error of rho is about (1 - rho^2) / sqrt(n).
  const double width = 2 * 1.96 * (1 - value * value) / std::sqrt(200.0);
  EXPECT_NEAR(interval->high - interval->low, width, 0.5 * width);
  EXPECT_EQ(interval->low, bootstrap(truth, score, rho, 500, 1)->low);
  EXPECT_NE(interval->low, bootstrap(truth, score, rho, 500, 2)->low);
  EXPECT_FALSE(bootstrap(truth, Values(200, 1.0), rho, 100, 1));
}

TEST(RankStatistics, HashIsOfTheOrder) {
  Values monotone;
  for (const double s : kScore) monotone.push_back(std::exp(7 * s));
  EXPECT_EQ(rank_hash(kScore, 6), rank_hash(monotone, 6));
  Values swapped = kScore;
  std::swap(swapped[0], swapped[2]);
  EXPECT_NE(rank_hash(kScore, 6), rank_hash(swapped, 6));
  Values untied = kScore;
  untied[1] += 1e-3;
  EXPECT_NE(rank_hash(kScore, 6), rank_hash(untied, 6));
  untied[1] = kScore[1] + 1e-9;
  EXPECT_EQ(rank_hash(kScore, 6), rank_hash(untied, 6));
}

}  // namespace
}  // namespace deneb::emq
