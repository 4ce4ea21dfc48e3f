#include <gmock/gmock.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <map>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kNoScale = {{"scale", "none"}, {"update", "dynamic"}};
const json kDynamicScale = {{"update", "dynamic"}};

std::shared_ptr<Quantizer> unscaled(const std::string& format) {
  return make("SmallFloat", Role::kActivation, format, kNoScale);
}

// All numbers >= 0 of a format, from its definition, in the order of their codes.
std::vector<double> numbers(const Format& f) {
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  const std::string name = f.text();
  const bool ieee = name == "e5m2" || name == "e5m10" || f.exponent_bits == 8;
  const int per_exponent = 1 << f.mantissa_bits;
  int codes = per_exponent << f.exponent_bits;
  if (ieee) codes -= per_exponent;
  if (name == "e4m3") codes -= 1;
  std::vector<double> values;
  for (int code = 0; code < codes; ++code) {
    const int e = code / per_exponent, m = code % per_exponent;
    const double fraction = double(m) / per_exponent;
    values.push_back(e == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, e - bias));
  }
  return values;
}

TEST(SmallFloat, ValueTables) {
  const std::map<std::string, std::vector<double>> tables = {
      {"e2m1", {0, .5, 1, 1.5, 2, 3, 4, 6}},
      {"e3m0", {0, .25, .5, 1, 2, 4, 8, 16}},
      {"e2m2", {0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7}},
      {"e3m1", {0, .125, .25, .375, .5, .75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24}},
      {"e2m3",
       {0, .125, .25, .375, .5, .625, .75, .875, 1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875,
        2, 2.25, 2.5, 2.75, 3,  3.25, 3.5, 3.75, 4, 4.5,   5,    5.5,   6,   6.5,   7,    7.5}},
      {"e3m2",
       {0, .0625, .125, .1875, .25, .3125, .375, .4375, .5, .625, .75, .875, 1,  1.25, 1.5, 1.75,
        2, 2.5,   3,    3.5,   4,   5,     6,    7,     8,  10,   12,  14,   16, 20,   24,  28}}};
  for (const auto& [format, table] : tables) {
    EXPECT_EQ(numbers(Format::parse(format)), table) << format;
  }
  const std::map<std::string, std::pair<double, std::size_t>> largest = {
      {"e4m1", {384, 32}}, {"e2m4", {7.75, 64}}, {"e3m3", {30, 64}},    {"e4m2", {448, 64}},
      {"e3m4", {31, 128}}, {"e4m3", {448, 127}}, {"e5m2", {57344, 124}}};
  for (const auto& [format, expected] : largest) {
    const auto values = numbers(Format::parse(format));
    EXPECT_EQ(values.back(), expected.first) << format;
    EXPECT_EQ(values.size(), expected.second) << format;
    const auto q = unscaled(format);
    EXPECT_EQ(q->quantize(vec({1e9})).item<double>(), expected.first) << format;
  }
}

// Every number stays, every middle goes to the even code, and what is a little beside a middle to
// the nearer number: by table search, in both precisions (the kernel and the tensor operations).
TEST(SmallFloat, RoundsToTheNearestEvenCode) {
  for (const char* format :
       {"e2m1", "e3m0", "e2m2", "e3m1", "e2m3", "e3m2", "e4m1", "e2m4", "e3m3", "e4m2", "e3m4",
        "e4m3", "e5m2", "e5m0", "e1m2", "e7m2", "e5m10", "e6m3", "e8m7"}) {
    SCOPED_TRACE(format);
    std::vector<double> values = numbers(Format::parse(format));
    if (values.size() > 3000) {  // both ends; the middle repeats itself
      values.erase(values.begin() + 1500, values.end() - 1500);
    }
    std::vector<double> x, y;
    const auto add = [&](double from, double to) {
      for (const double sign : {1., -1.}) {
        x.push_back(sign * from);
        y.push_back(sign * to);
      }
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
      add(values[i], values[i]);
      if (i + 1 == values.size() || i == 1499) continue;
      const double middle = (values[i] + values[i + 1]) / 2;
      add(middle, values[i % 2 == 0 ? i : i + 1]);
      if (middle < 1e-37) continue;  // its neighbors are not normal float32 numbers
      add(std::nextafter(float(middle), 0.f), values[i]);
      add(std::nextafter(float(middle), INFINITY), values[i + 1]);
    }
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor got = unscaled(format)->quantize(vec(x, dtype)).to(torch::kFloat64);
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(got[i].item<double>(), y[i]) << x[i] << " in " << dtype;
      }
    }
  }
}

// By LibTorch's conversion, which does not saturate: all patterns but the largest numbers.
TEST(SmallFloat, Bfloat16IsThatOfLibTorch) {
  torch::manual_seed(3);
  const Tensor bits =
      torch::randint(INT32_MIN, INT32_MAX, {100'000}, torch::kInt64).to(torch::kInt32);
  const Tensor ties = bits.bitwise_and(~0x7fff).bitwise_or(0x8000);
  const Tensor x = torch::cat({bits, ties}).view(torch::kFloat32);
  const Tensor expected = x.to(torch::kBFloat16).to(torch::kFloat32);
  const Tensor counts = x.isfinite().logical_and(expected.isfinite());
  const Tensor got = unscaled("e8m7")->quantize(x);
  EXPECT_GT(counts.sum().item<std::int64_t>(), 190'000);
  EXPECT_TRUE(torch::equal(got.masked_select(counts), expected.masked_select(counts)));
  const auto q = unscaled("bfloat16");
  const float max = 3.3895313892515355e38f;
  const Tensor ends = q->quantize(vec({INFINITY, -INFINITY, 3.4e38, NAN}, torch::kFloat32));
  EXPECT_TRUE(torch::equal(ends.slice(0, 0, 3), torch::tensor({max, -max, max})));
  EXPECT_TRUE(std::isnan(ends[3].item<float>()));
}

TEST(SmallFloat, Oracles) {
  struct Row {
    const char* format;
    std::vector<double> x, y;
  };
  const auto power = [](int e) { return std::ldexp(1.0, e); };
  const std::vector<Row> rows = {
      {"e2m1",
       {.24, .25, .26, .74, .75, 1.25, 1.75, 2.5, 3.5, 5, 5.01, 7, 1e9, INFINITY, -2.5, -.25},
       {0, 0, .5, .5, 1, 1, 2, 2, 4, 4, 6, 6, 6, 6, -2, -0.}},
      {"e3m0",
       {.125, .126, .375, .75, .76, 1.4, 1.5, 3, 6, 12, 12.1, 20, -3},
       {0, .25, .5, .5, 1, 1, 2, 2, 8, 8, 16, 16, -2}},
      {"e4m3",
       {power(-10), 1.001 * power(-10), 3 * power(-10), .0009, .0166015625, 1.0625, 1.1875, 17, 19,
        432, 440, 464, 480, 1e6, -.3},
       {0, power(-9), power(-8), 0, .015625, 1, 1.25, 16, 20, 448, 448, 448, 448, 448, -.3125}},
      {"e5m2",
       {power(-17), 1.5 * power(-16), 2.5 * power(-16), .9 * power(-14), 1.125, 1.375, 3.25, 53248,
        61440, 65536, -.3},
       {0, power(-15), power(-15), power(-14), 1, 1.5, 3, 49152, 57344, 57344, -.3125}},
      {"e3m2",
       {.03125, .03126, .09375, .26, 1.125, 1.375, 26, 27, 30, -5.5},
       {0, .0625, .125, .25, 1, 1.5, 24, 28, 28, -6}},
      {"e2m3",
       {.0625, .07, .1875, 1.0625, 1.1875, 7.25, 7.4, 8, -3.3},
       {0, .125, .25, 1, 1.25, 7, 7.5, 7.5, -3.25}}};
  for (const Row& row : rows) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor got = unscaled(row.format)->quantize(vec(row.x, dtype));
      EXPECT_TRUE(torch::equal(got, vec(row.y, dtype))) << row.format << "\n" << got;
    }
  }
  EXPECT_TRUE(std::signbit(unscaled("e2m1")->quantize(vec({-.25})).item<double>()));
  EXPECT_TRUE(std::signbit(unscaled("e3m0")->quantize(vec({-0.})).item<double>()));
}

TEST(SmallFloat, ScaledOracles) {
  struct Row {
    const char* format;
    double scale;
    std::vector<double> levels;
    double error;
  };
  const std::vector<double> values = {-1.13, -.71, -.47, -.123, 0, .061, .237, .331, .653, 1.2};
  const std::vector<Row> rows = {
      {"e2m1", .2, {-6, -4, -2, -.5, 0, .5, 1, 1.5, 3, 6}, 2.508900e-3},
      {"e3m0", .075, {-16, -8, -8, -2, 0, 1, 4, 4, 8, 16}, 4.256400e-3},
      {"e2m3", .16, {-7, -4.5, -3, -.75, 0, .375, 1.5, 2, 4, 7.5}, 6.090000e-5},
      {"e3m2", 1.2 / 28, {-28, -16, -10, -3, 0, 1.5, 6, 8, 16, 28}, 8.864510e-4},
      {"e4m3", 1.2 / 448, {-416, -256, -176, -44, 0, 22, 88, 120, 240, 448}, 1.065658e-4},
      {"e5m2",
       1.2 / 57344,
       {-57344, -32768, -20480, -6144, 0, 3072, 12288, 16384, 32768, 57344},
       8.864510e-4}};
  for (const Row& row : rows) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      SCOPED_TRACE(row.format);
      const Tensor x = vec(values, dtype);
      const Tensor y =
          make("SmallFloat", Role::kActivation, row.format, kDynamicScale)->quantize(x);
      EXPECT_TRUE(near(y, vec(row.levels, dtype) * row.scale, 1e-6, 1e-9));
      EXPECT_NEAR((y - x).square().mean().item<double>(), row.error, 2e-6 * row.error + 2e-9);
    }
  }
}

// Signal to quantization noise on a grid of normal quantiles, scaled to the largest.
TEST(SmallFloat, NoiseOnNormalValues) {
  const Tensor p = (torch::arange(4096, torch::kFloat64) + .5) / 4096;
  const Tensor x = torch::erfinv(2 * p - 1) * std::sqrt(2.0);
  ASSERT_NEAR(x.max().item<double>(), 3.668329, 1e-6);
  const std::map<std::string, double> decibels = {
      {"e2m1", 18.627}, {"e3m0", 14.198}, {"e2m2", 24.851}, {"e3m1", 19.735}, {"e2m3", 30.969},
      {"e3m2", 25.560}, {"e3m3", 31.552}, {"e4m3", 31.562}, {"e5m2", 25.560}};
  for (const auto& [format, expected] : decibels) {
    const Tensor y = make("SmallFloat", Role::kActivation, format, kDynamicScale)->quantize(x);
    const double ratio = (x.square().sum() / (y - x).square().sum()).item<double>();
    EXPECT_NEAR(10 * std::log10(ratio), expected, 1e-3) << format;
  }
}

TEST(SmallFloat, BlocksWithPowersOfTwo) {
  torch::manual_seed(4);
  const json options = {{"granularity", "group"}, {"group_size", 32}, {"scale", "power_of_two"}};
  // Rows of 80: two blocks and a half.
  const Tensor w = torch::randn({3, 80}) * torch::logspace(-3, 3, 3).view({3, 1});
  for (const char* format : {"e2m1", "e4m3", "e5m2", "e3m2"}) {
    const double largest = numbers(Format::parse(format)).back();
    const int top = int(std::floor(std::log2(largest)));
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor weight = w.to(dtype);
      const Tensor y = make("SmallFloat", Role::kWeight, format, options, weight)->quantize(weight);
      for (int row = 0; row < 3; ++row) {
        for (int begin = 0; begin < 80; begin += 32) {
          const int end = std::min(begin + 32, 80);
          const Tensor block = weight[row].slice(0, begin, end);
          const double reach = block.abs().max().item<double>();
          const double scale = std::exp2(std::floor(std::log2(reach)) - top);
          const Tensor expected = unscaled(format)->quantize(block / scale) * scale;
          EXPECT_TRUE(torch::equal(y[row].slice(0, begin, end), expected));
        }
      }
    }
  }
}

TEST(SmallFloat, ChannelsAndTokens) {
  torch::manual_seed(5);
  const Tensor w = torch::randn({6, 3, 3, 3}) * torch::logspace(-4, 4, 6).view({6, 1, 1, 1});
  const auto q = make("SmallFloat", Role::kWeight, "e2m1", {{"granularity", "channel"}}, w);
  for (const Tensor& x : {w, w.contiguous(torch::MemoryFormat::ChannelsLast)}) {
    const Tensor y = q->quantize(x);
    for (int channel = 0; channel < 6; ++channel) {
      const double scale = w[channel].abs().max().item<float>() / 6.f;
      EXPECT_TRUE(near(y[channel], unscaled("e2m1")->quantize(w[channel] / scale) * scale));
    }
  }
  const json options = {{"granularity", "token"}, {"update", "dynamic"}};
  const Tensor x = torch::randn({2, 5, 7}) * torch::logspace(-2, 2, 5).view({1, 5, 1});
  const Tensor y = make("SmallFloat", Role::kActivation, "e4m3", options)->quantize(x);
  for (int i = 0; i < 10; ++i) {
    const Tensor token = x.view({10, 7})[i];
    const double scale = token.abs().max().item<float>() / 448.f;
    EXPECT_TRUE(near(y.view({10, 7})[i], unscaled("e4m3")->quantize(token / scale) * scale));
  }
}

TEST(SmallFloat, GradientGoesStraightThrough) {
  const Tensor x = vec({-9, -7, -1.2, 0, .3, 6, 7.1}), up = vec({1, 2, 3, 4, 5, 6, 7});
  EXPECT_TRUE(torch::equal(pass(*unscaled("e2m1"), x, up).dx, up));
  const auto clipped = make("SmallFloat", Role::kActivation, "e2m1",
                            {{"scale", "none"}, {"update", "dynamic"}, {"clip_gradient", true}});
  EXPECT_TRUE(torch::equal(pass(*clipped, x, up).dx, vec({0, 2, 3, 4, 5, 6, 0})));
}

TEST(SmallFloat, SpecialValuesLayoutAndPrecision) {
  torch::manual_seed(6);
  for (const char* format : {"e2m1", "e3m0", "e4m3", "e8m7"}) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const auto q = unscaled(format);
      const Tensor y = q->quantize(vec({NAN, -INFINITY, 0, -NAN}, dtype));
      EXPECT_TRUE(y[0].isnan().item<bool>());
      EXPECT_TRUE(y[3].isnan().item<bool>());
      EXPECT_EQ(y[1].item<double>(), -numbers(Format::parse(format)).back());
      EXPECT_EQ(y[2].item<double>(), 0);
      EXPECT_EQ(pass(*q, torch::zeros({0, 2}, dtype), torch::zeros({0, 2}, dtype)).dx.numel(), 0);
      EXPECT_EQ(q->quantize(torch::tensor(1.1, dtype)).dim(), 0);
      for (const auto& options : {kNoScale, kDynamicScale}) {
        const auto any = make("SmallFloat", Role::kActivation, format, options);
        const Tensor x = torch::randn({2, 6, 5, 4}, dtype);
        expect_layout_independent(*any, x);
        expect_layout_independent(*any, x.contiguous(torch::MemoryFormat::ChannelsLast));
        expect_layout_independent(*any, x.permute({3, 1, 0, 2}));
        expect_layout_independent(*any, x.slice(3, 0, 4, 2));
        EXPECT_TRUE(
            torch::equal(any->quantize(torch::zeros({3}, dtype)), torch::zeros({3}, dtype)));
      }
    }
  }
}

TEST(SmallFloat, RefusesWhatItCannotDo) {
  const auto q = make("SmallFloat", Role::kWeight, "");
  EXPECT_THAT(config_error([&] { q->set_format(Format::parse("int4")); }),
              HasSubstr("SmallFloat cannot quantize weights to int4; it can do e<1-8>m<0-10>"));
  EXPECT_THAT(config_error([&] {
                make("SmallFloat", Role::kWeight, "", {{"range", "entropy"}});
              }),
              HasSubstr("entropy"));
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123})), vec({-5, .123})));
}

}  // namespace
}  // namespace quantizer_test
