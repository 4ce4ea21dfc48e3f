#include "orm.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include <deneb/errors.h>
#include <deneb/random.h>

#include <cmath>

namespace deneb::emq {
namespace {

using torch::Tensor;

Tensor matrix(std::initializer_list<double> values, std::int64_t columns) {
  return torch::tensor(std::vector<double>(values), torch::kFloat64).view({-1, columns});
}

TEST(Orm, OfTwoLayers) {
  const Tensor a = centered_gram(matrix({1, 2, 3, 5, -1, .5, 2, -2}, 2));
  const Tensor b = centered_gram(matrix({.5, 1, 0, 2, 1, -1, 0, 0, 3, 1, 4, 1}, 3));
  EXPECT_NEAR(orthogonality(a, b), 0.7397682184, 1e-10);
  EXPECT_NEAR(orthogonality(b, a), 0.7397682184, 1e-10);
  EXPECT_NEAR(orthogonality(a, a), 1, 1e-14);
  EXPECT_EQ(orthogonality(a, torch::zeros_like(a)), 0);
  EXPECT_NEAR(a.sum(0).abs().max().item<double>(), 0, 1e-13) << "centered";
  EXPECT_NEAR(a.sum(1).abs().max().item<double>(), 0, 1e-13);
}

// Linear CKA does not see rotations, scales and shifts of the features.
TEST(Orm, SeesNoRotation) {
  at::manual_seed(1);
  const Tensor features = torch::randn({8, 5}, torch::kFloat64);
  const Tensor rotation = std::get<0>(torch::linalg_qr(torch::randn({5, 5}, torch::kFloat64)));
  const Tensor moved = 3 * torch::matmul(features, rotation) + torch::randn({5}, torch::kFloat64);
  EXPECT_NEAR(orthogonality(centered_gram(features), centered_gram(moved)), 1, 1e-12);
}

TEST(Orm, FeaturesOfAnyShapeInParts) {
  at::manual_seed(1);
  const Tensor features = torch::randn({4, 3, 200, 200});  // more columns than are taken at a time
  Tensor flat = features.reshape({4, -1}).to(torch::kFloat64);
  flat = flat - flat.mean(0, true);
  EXPECT_TRUE(torch::allclose(centered_gram(features), torch::matmul(flat, flat.t()), 1e-9, 1e-6));
}

TEST(Orm, RedundancyLeavesTheLayerItselfOut) {
  const Tensor a = centered_gram(matrix({1, 2, 3, 5, -1, .5, 2, -2}, 2));
  const Tensor b = centered_gram(matrix({.5, 1, 0, 2, 1, -1, 0, 0, 3, 1, 4, 1}, 3));
  const double r = orthogonality(a, b);
  const auto sums = redundancies({a, b, a});
  EXPECT_NEAR(sums[0], 1 + r, 1e-12);
  EXPECT_NEAR(sums[1], 2 * r, 1e-12);
  EXPECT_NEAR(orthogonal_worths(sums, 2)[1], std::exp(-4 * r), 1e-12);
  EXPECT_EQ(orthogonal_worths(sums, 0), std::vector<double>(3, 1));
}

TEST(Orm, RoundsWithinTheTotal) {
  EXPECT_EQ(round_within({1.2, 3.8, 4.3, 7.9}, {100, 10, 50, 30}), (std::vector<int>{1, 4, 5, 7}));
  EXPECT_EQ(round_within({2, 4}, {7, 3}), (std::vector<int>{2, 4})) << "nothing to round";
  EXPECT_EQ(round_to_nearest({1.2, 3.8, 2.5, 3.5}), (std::vector<int>{1, 4, 2, 4}));
}

// All roundings, for a random problem.
TEST(Orm, RoundsAsWellAsCanBe) {
  std::mt19937_64 rng(3);
  for (int problem = 0; problem < 50; ++problem) {
    std::vector<double> values, uses;
    double total = 0, best = 0;
    for (int i = 0; i < 8; ++i) {
      values.push_back(2 + 2 * uniform_real(rng));
      uses.push_back(1 + double(uniform_index(rng, 100)));
      total += values.back() * uses.back();
    }
    for (int mask = 0; mask < 256; ++mask) {
      double sum = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        sum += uses[i] * (mask >> i & 1 ? std::ceil(values[i]) : std::floor(values[i]));
      }
      if (sum <= total) best = std::max(best, sum);
    }
    const auto rounded = round_within(values, uses);
    double sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum += uses[i] * rounded[i];
    EXPECT_EQ(sum, best);
  }
}

TEST(Orm, CostsAreMeansOfWhatFollows) {
  const auto costs = suffix_mean_costs({1, 2, 6});
  EXPECT_DOUBLE_EQ(costs[0], -3);
  EXPECT_DOUBLE_EQ(costs[1], -4);
  EXPECT_DOUBLE_EQ(costs[2], -6);
}

double value_of(const BoxProgram& program, const std::vector<double>& x) {
  double value = 0;
  for (std::size_t i = 0; i < x.size(); ++i) value += program.costs[i] * x[i];
  return value;
}

// The optimum of a linear program lies in a corner: one variable at most off its bounds.
double best_corner(const BoxProgram& program) {
  const std::size_t n = program.costs.size();
  double best = 0;
  for (std::size_t free = 0; free <= n; ++free) {
    for (int mask = 0; mask < 1 << n; ++mask) {
      std::vector<double> x;
      double used = 0;
      for (std::size_t i = 0; i < n; ++i) {
        x.push_back(mask >> i & 1 ? program.most[i] : program.least[i]);
        if (i != free) used += program.uses[i] * x[i];
      }
      if (free < n) {
        const double room = (program.budget - used) / program.uses[free];
        if (room < program.least[free]) continue;
        x[free] = std::min(room, program.most[free]);
      } else if (used > program.budget) {
        continue;
      }
      best = std::min(best, value_of(program, x));
    }
  }
  return best;
}

TEST(Orm, SolvesTheLinearProgram) {
  std::mt19937_64 rng(4);
  for (int problem = 0; problem < 20; ++problem) {
    BoxProgram program;
    double least = 0, most = 0;
    for (int i = 0; i < 6; ++i) {
      program.costs.push_back(-uniform_real(rng) + (i == 0 ? 1 : 0));  // one is better kept low
      program.uses.push_back(1 + double(uniform_index(rng, 50)));
      program.least.push_back(0.25);
      program.most.push_back(0.5);
      least += program.uses.back() * 0.25;
      most += program.uses.back() * 0.5;
    }
    program.budget = least + uniform_real(rng) * (most - least);
    const auto x = solve_box_program(program);
    double used = 0;
    int between = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      used += program.uses[i] * x[i];
      EXPECT_GE(x[i], 0.25);
      EXPECT_LE(x[i], 0.5 + 1e-12);
      between += x[i] > 0.25 + 1e-9 && x[i] < 0.5 - 1e-9;
    }
    EXPECT_LE(used, program.budget * (1 + 1e-12));
    EXPECT_LE(between, 1);
    EXPECT_NEAR(value_of(program, x), best_corner(program), 1e-9);
    program.budget = least * 0.9;
    EXPECT_THROW(solve_box_program(program), RunError);
  }
}

}  // namespace
}  // namespace deneb::emq
