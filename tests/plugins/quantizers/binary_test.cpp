#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "quantizer_fixture.h"

// XNOR and Bi-Real: one bit.
namespace quantizer_test {
namespace {

using testing::HasSubstr;

// Vector of Vega's reference code, float32.
TEST(BiReal, ActivationsMatchTheReference) {
  const auto q = make("BiReal", Role::kActivation, "int1");
  const Pass p =
      pass(*q, vec({-1.5, -.9, -.7, -.4, .1, .7, 1.1, 2.5}), vec({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_TRUE(near(p.y, vec({-1, -1, -1, -1, 1, 1, 1, 1})));
  EXPECT_TRUE(near(p.dx, vec({0, .4, 1.8, 4.8, 9, 3.6, 0, 0})));
}

TEST(BiReal, WeightsAreSignsTimesTheMeanMagnitude) {
  const auto q = make("BiReal", Role::kWeight, "int1");
  const Pass p = pass(*q, vec({-1, -.5, -.1, 0, .2, .7, 1.5}), vec({1, 2, 3, 4, 5, 6, 7}));
  const double e = .5714286;
  EXPECT_TRUE(near(p.y, vec({-e, -e, -e, e, e, e, e})));
  EXPECT_TRUE(near(p.dx, vec({1, 2, 3, 4, 5, 6, 0})));
}

TEST(Xnor, WeightsHaveOneScalePerFilter) {
  torch::manual_seed(5);
  const Tensor w = torch::randn({4, 3, 2, 2}, torch::kFloat64), up = torch::randn_like(w);
  w[1][0][0][0] = 1;  // the ends of the gradient's range
  w[1][0][0][1] = -1;
  w[2][1][1][1] = 0;
  const Pass p = pass(*make("XNOR", Role::kWeight, "int1"), w, up);
  for (std::int64_t filter = 0; filter < 4; ++filter) {
    const double scale = w[filter].abs().mean().item<double>();
    for (std::int64_t i = 0; i < 12; ++i) {
      const double v = w[filter].view(-1)[i].item<double>(),
                   g = up[filter].view(-1)[i].item<double>();
      const double sign = v < 0 ? -1 : 1;
      EXPECT_NEAR(p.y[filter].view(-1)[i].item<double>(), sign * scale, 1e-12);
      EXPECT_NEAR(p.dx[filter].view(-1)[i].item<double>(),
                  g * (1. / 12 + (std::abs(v) <= 1 ? scale : 0)), 1e-12);
    }
  }
}

TEST(Xnor, ActivationsAreSigns) {
  const Pass p = pass(*make("XNOR", Role::kActivation, "int1"), vec({-2, -1, -.3, 0, .3, 1, 2}),
                      vec({1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(near(p.y, vec({-1, -1, -1, 1, 1, 1, 1})));
  EXPECT_TRUE(near(p.dx, vec({0, 2, 3, 4, 5, 6, 0})));
}

class Binary : public testing::TestWithParam<const char*> {};

TEST_P(Binary, NanEmptyZerosAndLayout) {
  torch::manual_seed(6);
  for (const Role role : {Role::kWeight, Role::kActivation}) {
    const auto q = make(GetParam(), role, "int1");
    EXPECT_EQ(pass(*q, torch::zeros({0, 3}), torch::zeros({0, 3})).dx.numel(), 0);
    const Pass zeros = pass(*q, torch::zeros({2, 3}), torch::ones({2, 3}));
    // Weights are signs times their mean magnitude, which is 0.
    EXPECT_TRUE(torch::equal(zeros.y, torch::full({2, 3}, role == Role::kWeight ? 0. : 1.)));
    EXPECT_TRUE(torch::isfinite(zeros.dx).all().item<bool>());
    EXPECT_TRUE(q->quantize(vec({NAN, 1}))[0].isnan().item<bool>());
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor x = torch::randn({2, 6, 5, 4}, dtype);
      expect_layout_independent(*q, x.contiguous(torch::MemoryFormat::ChannelsLast));
      expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
      expect_layout_independent(*q, x.slice(3, 0, 4, 2));
    }
  }
}

// Behind a ReLU every search asks for unsigned activations.
TEST_P(Binary, UnsignedActivationsAreZeroOrOne) {
  const auto q = make(GetParam(), Role::kActivation, "uint1");
  const Pass p = pass(*q, vec({-.5, 0, .5, 3}), torch::ones({4}));
  EXPECT_TRUE(torch::equal(p.y, vec({0, 0, 1, 1})));
  const bool xnor = std::string(GetParam()) == "XNOR";
  EXPECT_TRUE(near(p.dx, xnor ? vec({0, 1, 1, 0}) : vec({0, 2, 1, 0})));
}

TEST_P(Binary, RefusesFormatsThatItCannotRepresent) {
  const auto q = make(GetParam(), Role::kActivation, "");
  for (const char* word : {"uint2", "int2", "e2m1"}) {
    EXPECT_THAT(
        config_error([&] { q->set_format(Format::parse(word)); }),
        HasSubstr(std::string("activations to ") + word + "; it can do int1, uint1 and float32"));
  }
  const auto w = make(GetParam(), Role::kWeight, "");
  EXPECT_THAT(config_error([&] { w->set_format(Format::parse("uint1")); }),
              HasSubstr("weights to uint1; it can do int1 and float32"));
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123})), vec({-5, .123})));
}

INSTANTIATE_TEST_SUITE_P(, Binary, testing::Values("XNOR", "BiReal"));

}  // namespace
}  // namespace quantizer_test
