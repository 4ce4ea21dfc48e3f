#include <deneb/search/rank_correlation.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace deneb {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(RankCorrelation, EqualValuesShareTheMeanOfTheirPlaces) {
  EXPECT_EQ(average_ranks({7, 3, 3}), (std::vector<double>{3, 1.5, 1.5}));
  EXPECT_EQ(average_ranks({2, 1, 2, 5, 2}), (std::vector<double>{3, 1, 3, 5, 3}));
  EXPECT_EQ(average_ranks({kInfinity, -kInfinity, 0.0, -0.0}),
            (std::vector<double>{4, 1, 2.5, 2.5}));
  EXPECT_TRUE(average_ranks({}).empty());
}

TEST(RankCorrelation, OnlyTheOrderCounts) {
  EXPECT_EQ(spearman({1, 2, 3, 4}, {1, 10, 100, 1e30}), 1.0);
  EXPECT_EQ(spearman({1, 2, 3, 4}, {0.4, 0.3, 0.2, -7}), -1.0);
  EXPECT_EQ(spearman({1, 2}, {5, 9}), 1.0);
  EXPECT_EQ(spearman({1, 1, 2, 3}, {4, 4, 5, 6}), 1.0);  // the same ties
  EXPECT_EQ(spearman({1, 2, 3}, {5, -kInfinity, kInfinity}), 0.5);
}

// Without ties rho = 1 - 6 sum d^2 / (n (n^2 - 1)).
TEST(RankCorrelation, WithoutTiesAsByTheDifferences) {
  // Ranks 1 2 3 4 5 and 2 1 4 3 5: sum d^2 = 4, rho = 1 - 24 / 120.
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 3, 4, 5}, {20, 10, 40, 30, 50}), 0.8);
  // Ranks 1..8 and 3 1 2 6 8 4 7 5: d^2 = 4 1 1 4 9 4 0 9 = 32, rho = 1 - 192 / 504.
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 3, 4, 5, 6, 7, 8}, {3, 1, 2, 6, 8, 4, 7, 5}),
                   1 - 192.0 / 504.0);
  // 1 2 3 and 2 3 1: d^2 = 1 1 4, rho = 1 - 36 / 24.
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 3}, {2, 3, 1}), -0.5);
}

TEST(RankCorrelation, TiesByHand) {
  // Ranks 1 2.5 2.5 4 and 1 2 3 4, mean 2.5: xx = 4.5, yy = 5, xy = 2.25 + 0 + 0 + 2.25 = 4.5.
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(22.5));
  // Ranks 1.5 1.5 3.5 3.5 and 1.5 3.5 1.5 3.5: xy = 1 - 1 - 1 + 1.
  EXPECT_EQ(spearman({0, 0, 1, 1}, {0, 1, 0, 1}), 0.0);
  // Ranks 2 2 2 4 5 and 5 4 3 1.5 1.5, mean 3: xx = 3 + 1 + 4 = 8, yy = 4 + 1 + 0 + 4.5 = 9.5,
  // xy = -2 - 1 + 0 - 1.5 - 3 = -7.5.
  EXPECT_DOUBLE_EQ(*spearman({1, 1, 1, 2, 3}, {9, 8, 7, 6, 6}), -7.5 / std::sqrt(76.0));
}

TEST(RankCorrelation, NothingWhereItIsNotDefined) {
  EXPECT_FALSE(spearman({}, {}));
  EXPECT_FALSE(spearman({1}, {2}));
  EXPECT_FALSE(spearman({1, 2, 3}, {4, 4, 4}));
  EXPECT_FALSE(spearman({4, 4, 4}, {1, 2, 3}));
  EXPECT_FALSE(spearman({1, std::nan("")}, {1, 2}));
  EXPECT_FALSE(spearman({1, 2}, {std::nan(""), 2}));
  EXPECT_THROW(spearman({1, 2}, {1}), RunError);
}

}  // namespace
}  // namespace deneb
