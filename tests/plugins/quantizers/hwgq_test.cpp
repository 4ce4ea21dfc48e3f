#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

// Vectors of EdMIPS' reference code.
const std::vector<double> kHwgqActivations = {-1, 0, .1, .25, .4, .6, .9, 1.2, 1.7, 2.3, 3};
const std::vector<double> kHwgqWeights = {-3, -1.5, -.9, -.5, -.1, 0, .1, .5, .9, 1.5, 3};

TEST(Hwgq, ActivationsMatchTheReference) {
  struct Row {
    const char* format;
    std::vector<double> y, gradient;
  };
  const double a = .799, b = .538;
  const std::vector<Row> rows = {
      {"uint1", {0, 0, 0, 0, a, a, a, a, a, a, a}, {0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0}},
      {"uint2",
       {0, 0, 0, 0, b, b, 2 * b, 2 * b, 3 * b, 3 * b, 3 * b},
       {0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0}},
      {"uint3",
       {0, 0, 0, .3217, .3217, .6434, .9651, 1.2868, 1.6085, 2.2519, 2.2519},
       {0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}},
      {"uint4",
       {0, 0, .185, .185, .37, .555, .925, 1.11, 1.665, 2.22, 2.775},
       {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.format);
    const auto q = make("HWGQ", Role::kActivation, row.format);
    const Pass p = pass(*q, vec(kHwgqActivations), torch::ones({11}));
    EXPECT_TRUE(near(p.y, vec(row.y)));
    EXPECT_TRUE(near(p.dx, vec(row.gradient)));
    EXPECT_TRUE(q->parameters().empty());
  }
}

TEST(Hwgq, ActivationEndsAndTies) {
  const double steps[] = {.538, .3217, .185};
  for (int bits = 2; bits <= 4; ++bits) {
    const auto q = make("HWGQ", Role::kActivation, Format::integer(bits, false).text());
    const double top = steps[bits - 2] * (std::pow(2, bits) - 1);
    const Pass p = pass(*q, vec({0, top, top + 1e-4, -1e-6}), torch::ones({4}));
    EXPECT_TRUE(near(p.dx, vec({1, 1, 0, 0}))) << bits;
  }
  const auto q = make("HWGQ", Role::kActivation, "uint2");
  const double d = .538;
  EXPECT_TRUE(near(q->quantize(vec({d * .5, d * 1.5, d * 2.5})), vec({0, 2 * d, 2 * d})));
}

// The steps from 5 bits on: least square error for the positive half of a normal distribution, if
// the values up to 1.5 steps went to the first level (which is what the published steps minimise).
TEST(Hwgq, ActivationStepsBeyondFourBits) {
  const double steps[] = {.10298, .05658, .03069, .01648};
  const Tensor p = (torch::arange(200000, torch::kFloat64) + .5) / 200000;
  const Tensor x = torch::erfinv(p) * std::sqrt(2.0);
  for (int bits = 5; bits <= 8; ++bits) {
    const double step = steps[bits - 5], levels = std::pow(2, bits) - 1;
    const auto q = make("HWGQ", Role::kActivation, Format::integer(bits, false).text());
    EXPECT_NEAR(q->quantize(vec({99}, torch::kFloat64)).item<double>(), levels * step, 1e-9);
    const auto error = [&](double d) {
      return (x - x.div(d).round().clamp(1, levels) * d).square().mean().item<double>();
    };
    EXPECT_LT(error(step), error(.98 * step)) << bits;
    EXPECT_LT(error(step), error(1.02 * step)) << bits;
  }
}

TEST(Hwgq, WeightsMatchTheReference) {
  struct Row {
    const char* format;
    std::vector<double> y;
  };
  const double a = 1.252631, b = .781717, c = 2.345152, d = .459926, e = 1.379778, f = 3.219482;
  const double g = .263712, h = .791136, i = 1.318559, j = 2.90083;
  const std::vector<Row> rows = {{"int1", {-a, -a, -a, -a, -a, -a, a, a, a, a, a}},
                                 {"int2", {-c, -b, -b, -b, -b, -b, b, b, b, b, c}},
                                 {"int3", {-f, -e, -d, -d, -d, -d, d, d, d, e, f}},
                                 {"int4", {-j, -i, -h, -g, -g, -g, g, g, h, i, j}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.format);
    const Pass p = pass(*make("HWGQ", Role::kWeight, row.format), vec(kHwgqWeights),
                        torch::arange(11, torch::kFloat32));
    EXPECT_TRUE(near(p.y, vec(row.y), 1e-6, 1e-6));
    EXPECT_TRUE(near(p.dx, torch::arange(11, torch::kFloat32)));
  }
}

TEST(Hwgq, WeightsFollowFromTheDefinition) {
  const double table[] = {1.596, .996, .586, .336, .18814, .10406, .05687, .03076};
  torch::manual_seed(5);
  for (int bits = 1; bits <= 8; ++bits) {
    const Tensor w = torch::randn({4, 3, 5, 5}, torch::kFloat64);
    w.view(-1)[7] = 0;  // between two levels: the lower one
    w.view(-1)[8] = 50;
    const double d = table[bits - 1] * w.std(true).item<double>();
    const double top = (std::pow(2, bits - 1) - .5) * d;
    const Pass p = pass(*make("HWGQ", Role::kWeight, Format::integer(bits, true).text()), w,
                        torch::ones_like(w));
    for (std::int64_t i = 0; i < w.numel(); ++i) {
      const double level = (std::nearbyint(w.view(-1)[i].item<double>() / d + .5) - .5) * d;
      ASSERT_NEAR(p.y.view(-1)[i].item<double>(), std::min(std::max(level, -top), top), 1e-12);
    }
    EXPECT_TRUE(torch::equal(p.dx, torch::ones_like(w)));
    EXPECT_LE(std::get<0>(torch::_unique(p.y)).numel(), 1 << bits);
  }
}

// The table's steps from 5 bits on minimise the square error against a normal distribution.
TEST(Hwgq, StepsSuitANormalDistribution) {
  const std::int64_t n = 200001;
  const Tensor p = (torch::arange(n, torch::kFloat64) + .5) / n;
  const Tensor x = torch::erfinv(2 * p - 1) * std::sqrt(2.0);
  const double deviation = x.std(true).item<double>();
  const double steps[] = {.18814, .10406, .05687, .03076};
  for (int bits = 5; bits <= 8; ++bits) {
    const std::string format = Format::integer(bits, true).text();
    const double step = steps[bits - 5];
    const auto error = [&](double factor) {
      std::vector<double> table(8, 1);
      table[bits - 1] = step * factor;
      const auto q = make("HWGQ", Role::kWeight, format, {{"step_table", table}});
      return (q->quantize(x) - x).square().mean().item<double>();
    };
    const double best = error(1);
    EXPECT_NEAR(make("HWGQ", Role::kWeight, format)->quantize(x).max().item<double>(),
                deviation * (std::pow(2, bits - 1) - .5) * step, 1e-9);
    EXPECT_LT(best, error(.97)) << bits;
    EXPECT_LT(best, error(1.03)) << bits;
  }
}

TEST(Hwgq, DegenerateTensors) {
  const auto weight = make("HWGQ", Role::kWeight, "int4");
  EXPECT_TRUE(torch::equal(weight->quantize(torch::zeros({3, 3})), torch::zeros({3, 3})));
  EXPECT_TRUE(torch::equal(weight->quantize(vec({.7})), torch::zeros({1})));
  EXPECT_TRUE(weight->quantize(vec({NAN, 1})).isnan().all().item<bool>());
  const auto activation = make("HWGQ", Role::kActivation, "uint4");
  const Pass p = pass(*activation, vec({NAN, 1, INFINITY, -INFINITY}), torch::ones({4}));
  EXPECT_TRUE(p.y[0].isnan().item<bool>());
  EXPECT_TRUE(near(p.y.slice(0, 1), vec({.925, 2.775, 0})));
  EXPECT_TRUE(near(p.dx, vec({0, 1, 0, 0})));
  torch::manual_seed(6);
  for (const auto& q : {weight, activation}) {
    EXPECT_EQ(pass(*q, torch::zeros({0, 3}), torch::zeros({0, 3})).dx.numel(), 0);
    const Tensor x = torch::randn({2, 6, 5, 4}, torch::kFloat64);
    expect_layout_independent(*q, x.contiguous(torch::MemoryFormat::ChannelsLast));
    expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
    expect_layout_independent(*q, x.slice(3, 0, 4, 2));
  }
}

TEST(Hwgq, RefusesFormatsThatItCannotRepresent) {
  const auto weight = make("HWGQ", Role::kWeight, "");
  for (const char* word : {"uint4", "int9", "e4m3"}) {
    EXPECT_THAT(config_error([&] { weight->set_format(Format::parse(word)); }),
                HasSubstr(std::string("weights to ") + word + "; it can do int1 .. int8"));
  }
  const auto activation = make("HWGQ", Role::kActivation, "", {{"step_table", {1.2, .65}}});
  for (const char* word : {"int4", "uint3"}) {
    EXPECT_THAT(config_error([&] { activation->set_format(Format::parse(word)); }),
                HasSubstr("it can do uint1 .. uint2"));
  }
  activation->set_format(Format::parse("uint2"));
  EXPECT_TRUE(near(activation->quantize(vec({.7, 9})), vec({.65, 1.95})));
  activation->set_format(Format::float32());
  EXPECT_TRUE(torch::equal(activation->quantize(vec({-5, .123})), vec({-5, .123})));
}

}  // namespace
}  // namespace quantizer_test
