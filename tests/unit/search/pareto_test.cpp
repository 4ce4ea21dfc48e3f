#include <deneb/search/pareto.h>
#include <gtest/gtest.h>

#include <cmath>

namespace deneb {
namespace {

const std::vector<Objective> kBothUp = {{"a", Direction::kMaximize}, {"b", Direction::kMaximize}};
const std::vector<Objective> kBothDown = {{"a", Direction::kMinimize}, {"b", Direction::kMinimize}};

TEST(Pareto, KeepsEqualRowsAndDropsDominatedOnes) {
  const std::vector<std::vector<double>> rows = {
      {.9, -11}, {.8, -9}, {.8, -12}, {.9, -11}, {.7, -8}};
  EXPECT_EQ(pareto_front(rows, kBothUp), (std::vector<std::size_t>{0, 1, 3, 4}));
}

TEST(Pareto, FirstFrontOfMinimizedRows) {
  const std::vector<std::vector<double>> rows = {{1, 5}, {2, 3}, {4, 1}, {3, 4}, {5, 5}, {2, 3}};
  EXPECT_EQ(pareto_front(rows, kBothDown), (std::vector<std::size_t>{0, 1, 2, 5}));
}

TEST(Pareto, DirectionsAreHonoredPerObjective) {
  const std::vector<Objective> mixed = {{"accuracy", Direction::kMaximize},
                                        {"bitops", Direction::kMinimize}};
  EXPECT_TRUE(dominates({.9, 10}, {.8, 10}, mixed));
  EXPECT_TRUE(dominates({.9, 9}, {.9, 10}, mixed));
  EXPECT_FALSE(dominates({.9, 10}, {.9, 10}, mixed));
  EXPECT_FALSE(dominates({.9, 11}, {.8, 10}, mixed));
}

TEST(Pareto, NanNeverEntersAFront) {
  const double nan = std::nan("");
  EXPECT_EQ(pareto_front({{nan, 0}, {1, 1}, {0, nan}}, kBothDown), (std::vector<std::size_t>{1}));
  EXPECT_TRUE(dominates({1, 1}, {nan, 0}, kBothDown));
  EXPECT_FALSE(dominates({nan, 0}, {1, 1}, kBothDown));
}

TEST(Pareto, AFrontIsWhatNothingDominates) {
  const double nan = std::nan("");
  const std::vector<std::vector<double>> rows = {{1, 5}, {2, 3}, {3, 4}, {nan, 0}, {2, 3}};
  EXPECT_TRUE(is_pareto_front({0, 1}, rows, kBothDown));
  EXPECT_TRUE(is_pareto_front({1}, rows, kBothDown));
  EXPECT_FALSE(is_pareto_front({0, 2}, rows, kBothDown));  // row 1 is no member, and beats row 2
  EXPECT_FALSE(is_pareto_front({0, 3}, rows, kBothDown));
  EXPECT_FALSE(is_pareto_front({}, rows, kBothDown));
  EXPECT_FALSE(is_pareto_front({0}, {{1}, {2}}, {{"loss", Direction::kMinimize}}));
}

TEST(Pareto, EmptyInputGivesEmptyFront) { EXPECT_TRUE(pareto_front({}, kBothUp).empty()); }

}  // namespace
}  // namespace deneb
