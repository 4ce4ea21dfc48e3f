// The kernels against loops over single values, for groups of every kind.
#include "uniform_kernel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "support/draws.h"

namespace deneb::quantizers {
namespace {

/// Rows, columns and group size: even and with shorter groups at the end of a row, smaller and
/// larger than a piece, more of them than a run of pieces holds.
const std::vector<Groups> kGroups = {
    {1, 100000, 100000}, {1, 32, 32},      {5, 96, 32},       {5, 90, 32},
    {3000, 96, 32},      {3000, 90, 32},   {700, 5, 2},       {9000, 9, 9},
    {40000, 1, 1},       {3, 70000, 7},    {3, 70000, 40000}, {2, 70000, 35000},
    {2, 70000, 70000},   {2, 33000, 3000}, {1, 32769, 32768}, {4, 32768, 32768}};

struct Sample {
  std::vector<float> x, g, step, low, high;
};

/// With values on the ties, far outside, zeros and a NaN.
Sample sample(const Groups& groups, bool same_levels) {
  std::mt19937_64 rng(7);
  const auto normal = [&] { return float(deneb::testing::nearly_normal(rng)); };
  Sample s;
  for (std::int64_t i = 0; i < groups.count(); ++i) {
    s.step.push_back(0.05f + 0.1f * std::abs(normal()));
    if (same_levels && i > 0) continue;
    s.low.push_back(-8.f + std::floor(normal()));
    s.high.push_back(7.f + std::floor(normal()));
  }
  for (std::int64_t i = 0; i < groups.rows * groups.columns; ++i) {
    const float v = normal();
    s.x.push_back(i % 5 == 0 ? std::round(8 * v) * 0.0625f : i % 101 == 0 ? 1e9f * v : v);
    s.g.push_back(normal());
  }
  s.x[s.x.size() / 2] = NAN;
  s.x[s.x.size() / 3] = 0;
  return s;
}

UniformGrids grids_of(const Sample& s, bool same_levels) {
  return {s.step.data(), s.low.data(), s.high.data(), same_levels};
}

/// fn(index of the value, index of its group).
template <class Fn>
void for_each_value(const Groups& groups, const Fn& fn) {
  for (std::int64_t i = 0; i < groups.rows * groups.columns; ++i) {
    const std::int64_t row = i / groups.columns, column = i % groups.columns;
    fn(std::size_t(i), row * groups.per_row() + column / groups.group);
  }
}

bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

std::string text(const Groups& g) {
  return std::to_string(g.rows) + " x " + std::to_string(g.columns) + " by " +
         std::to_string(g.group);
}

float clamped(float v, float low, float high) { return v < low ? low : v > high ? high : v; }

TEST(UniformKernel, ForwardBitForBit) {
  for (const Groups& groups : kGroups) {
    for (const bool same_levels : {false, true}) {
      SCOPED_TRACE(text(groups));
      const Sample s = sample(groups, same_levels);
      const UniformGrids grids = grids_of(s, same_levels);
      std::vector<float> y(s.x.size(), -1);
      uniform_forward(s.x.data(), y.data(), groups, grids);
      std::size_t wrong = 0;
      for_each_value(groups, [&](std::size_t i, std::int64_t group) {
        const UniformGrid grid = grids[group];
        const float level = clamped(s.x[i] / grid.step, grid.low, grid.high);
        wrong += !same_bits(y[i], (std::nearbyint(level) + 0.f) * grid.step);
      });
      EXPECT_EQ(wrong, 0u);
      std::vector<float> over = s.x;
      uniform_forward(over.data(), over.data(), groups, grids);
      EXPECT_EQ(std::memcmp(over.data(), y.data(), y.size() * sizeof(float)), 0);
    }
  }
}

TEST(UniformKernel, MaskBitForBit) {
  for (const Groups& groups : kGroups) {
    SCOPED_TRACE(text(groups));
    const Sample s = sample(groups, false);
    const UniformGrids grids = grids_of(s, false);
    std::vector<float> dx(s.x.size(), -1);
    uniform_mask(s.x.data(), s.g.data(), dx.data(), groups, grids);
    std::size_t wrong = 0;
    for_each_value(groups, [&](std::size_t i, std::int64_t group) {
      const float level = std::nearbyint(s.x[i] / grids[group].step);
      const bool inside = level >= grids[group].low && level <= grids[group].high;
      wrong += !same_bits(dx[i], inside ? s.g[i] : 0.f);
    });
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(UniformKernel, BackwardGivesGradientsAndSums) {
  for (const Groups& groups : kGroups) {
    SCOPED_TRACE(text(groups));
    Sample s = sample(groups, false);
    for (float& x : s.x) x = std::isnan(x) ? 0.f : clamped(x, -1e4f, 1e4f);
    const UniformGrids grids = grids_of(s, false);
    std::vector<float> dx(s.x.size(), -1);
    const auto sums = uniform_backward(s.x.data(), s.g.data(), dx.data(), groups, grids);
    ASSERT_EQ(std::int64_t(sums.size()), groups.count());
    std::vector<double> expected(sums.size()), size(sums.size());
    std::size_t wrong = 0;
    for_each_value(groups, [&](std::size_t i, std::int64_t group) {
      const float v = s.x[i] / grids[group].step;
      const float level = clamped(v, grids[group].low, grids[group].high);
      const bool inside = level == v;
      wrong += !same_bits(dx[i], inside ? s.g[i] : 0.f);
      const double part = double(s.g[i]) * (std::nearbyint(level) - (inside ? v : 0.f));
      expected[std::size_t(group)] += part;
      size[std::size_t(group)] += std::abs(part);
    });
    EXPECT_EQ(wrong, 0u);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      ASSERT_NEAR(sums[i], expected[i], 1e-5 * size[i] + 1e-6) << i;
    }
    // Neither without a place for dx nor with one thread are the sums others.
    float* const nowhere = nullptr;
    EXPECT_EQ(uniform_backward(s.x.data(), s.g.data(), nowhere, groups, grids), sums);
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    EXPECT_EQ(uniform_backward(s.x.data(), s.g.data(), dx.data(), groups, grids), sums);
    at::set_num_threads(threads);
  }
}

TEST(UniformKernel, GridsInOneArrayAndInThree) {
  const Groups groups{5, 90, 32};
  const Sample s = sample(groups, false);
  std::vector<UniformGrid> together;
  for (std::int64_t i = 0; i < groups.count(); ++i) together.push_back(grids_of(s, false)[i]);
  std::vector<float> one(s.x.size()), three(s.x.size());
  uniform_forward(s.x.data(), one.data(), groups, together.data());
  uniform_forward(s.x.data(), three.data(), groups, grids_of(s, false));
  EXPECT_EQ(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)), 0);
  uniform_forward(s.x.data(), one.data(), Groups::whole(0), together.data());
}

}  // namespace
}  // namespace deneb::quantizers
