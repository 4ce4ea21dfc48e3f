#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

// Vectors of Vega's reference code, float32.
TEST(Wrpn, WeightsMatchTheReference) {
  const Tensor w = vec({-1, -.5, -.1, 0, .2, .7, 1.5}), up = vec({1, 2, 3, 4, 5, 6, 7});
  const auto two = make("WRPN", Role::kWeight, "int2"), three = make("WRPN", Role::kWeight, "int3");
  const Pass p = pass(*two, w, up);
  EXPECT_TRUE(near(p.y, vec({-1, 0, 0, 0, 0, 1, 1})));
  EXPECT_TRUE(near(p.dx, vec({1, 2, 3, 4, 5, 6, 0})));
  const Pass q = pass(*three, w, up);
  EXPECT_TRUE(near(q.y, vec({-1, -.6666667, 0, 0, .3333333, .6666667, 1})));
  EXPECT_TRUE(near(q.dx, p.dx));
  EXPECT_TRUE(two->parameters().empty());
}

TEST(Wrpn, ActivationsAreThoseOfDorefa) {
  torch::manual_seed(3);
  const Tensor x = torch::randn({3, 4, 5, 5}), up = torch::randn_like(x);
  for (const char* format : {"uint1", "uint4", "int3", "uint16"}) {
    const Pass a = pass(*make("WRPN", Role::kActivation, format), x, up);
    const Pass b = pass(*make("DoReFa", Role::kActivation, format), x, up);
    EXPECT_TRUE(torch::equal(a.y, b.y)) << format;
    EXPECT_TRUE(torch::equal(a.dx, b.dx)) << format;
  }
}

TEST(Wrpn, WeightsFollowFromTheDefinition) {
  torch::manual_seed(4);
  for (const int bits : {2, 5, 8, 16}) {
    const Tensor w = torch::randn({4, 3, 3, 3}, torch::kFloat64), up = torch::randn_like(w);
    w.view(-1)[0] = 1;
    w.view(-1)[1] = -1;
    const Pass p = pass(*make("WRPN", Role::kWeight, Format::integer(bits, true).text()), w, up);
    const double n = std::pow(2, bits - 1) - 1;
    for (std::int64_t i = 0; i < w.numel(); ++i) {
      const double v = w.view(-1)[i].item<double>();
      EXPECT_NEAR(p.y.view(-1)[i].item<double>(),
                  std::nearbyint(std::min(std::max(v, -1.), 1.) * n) / n, 1e-12);
      EXPECT_EQ(p.dx.view(-1)[i].item<double>(),
                std::abs(v) <= 1 ? up.view(-1)[i].item<double>() : 0);
    }
  }
}

TEST(Wrpn, NanEmptyAndLayout) {
  const auto q = make("WRPN", Role::kWeight, "int4");
  const Pass p = pass(*q, vec({NAN, .4, INFINITY}), torch::ones({3}));
  EXPECT_TRUE(p.y[0].isnan().item<bool>());
  EXPECT_EQ(p.y[2].item<double>(), 1);
  EXPECT_TRUE(near(p.dx, vec({0, 1, 0})));
  EXPECT_EQ(pass(*q, torch::zeros({0, 3}), torch::zeros({0, 3})).dx.numel(), 0);
  expect_layout_independent(*q, torch::randn({2, 6, 5, 4}).permute({3, 1, 0, 2}));
  expect_layout_independent(
      *q, torch::randn({2, 6, 5, 4}).contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Wrpn, RefusesFormatsThatItCannotRepresent) {
  const auto q = make("WRPN", Role::kWeight, "");
  for (const char* word : {"int1", "uint4", "e4m3"}) {
    EXPECT_THAT(config_error([&] { q->set_format(Format::parse(word)); }),
                HasSubstr(std::string("WRPN cannot quantize weights to ") + word +
                          "; it can do int2 .. int16"));
  }
  q->set_format(Format::float32());
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123})), vec({-5, .123})));
}

}  // namespace
}  // namespace quantizer_test
