#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

void set_alpha(Quantizer& quantizer, double value) {
  torch::NoGradGuard no_grad;
  alpha_of(quantizer).fill_(value);
}

TEST(PactActivations, MatchTheReference) {
  struct Row {
    const char* format;
    std::vector<double> y;
  };
  const std::vector<Row> rows = {{"uint2", {0, 0, 0, 3.333333, 6.666667, 10, 10, 10}},
                                 {"uint4", {0, 0, 1.333333, 2.666667, 5.333333, 10, 10, 10}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.format);
    const auto quantizer = make("PACT", Role::kActivation, row.format);
    const Pass p =
        pass(*quantizer, vec({-1, 0, 1, 2.5, 5, 9.9, 10, 12}), vec({1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_TRUE(near(p.y, vec(row.y)));
    EXPECT_TRUE(near(p.dx, vec({0, 1, 3, 4, 5, 6, 3.5, 0})));
    EXPECT_NEAR(alpha_of(*quantizer).grad().item<double>(), 11.5, 1e-6);
  }
}

// y = 0.5 (|x| - |x - alpha| + alpha) left to autograd; its signed form has |x + alpha| for |x|.
TEST(PactActivations, GradientFollowsFromTheDefinition) {
  torch::manual_seed(11);
  for (const bool is_signed : {false, true}) {
    for (const int bits : {1, 2, 4, 8, 16}) {
      const auto quantizer =
          make("PACT", Role::kActivation, Format::integer(bits, is_signed).text(), {},
               torch::ones({1}, torch::kFloat64));
      set_alpha(*quantizer, 1.25);
      Tensor x = torch::randn({5, 4, 6}, torch::kFloat64);
      x.view(-1)[3] = 1.25;  // exactly at the clip points
      x.view(-1)[4] = -1.25;
      x.view(-1)[5] = 0;
      const Tensor up = torch::randn_like(x);
      const Pass p = pass(*quantizer, x, up);

      const Tensor leaf = x.clone().requires_grad_();
      const Tensor alpha = torch::full({}, 1.25, torch::kFloat64).requires_grad_();
      const double n = std::pow(2, bits) - 1;
      const Tensor clipped = is_signed ? 0.5 * ((leaf + alpha).abs() - (leaf - alpha).abs())
                                       : 0.5 * (leaf.abs() - (leaf - alpha).abs() + alpha);
      const Tensor u = (is_signed ? (clipped / alpha + 1) / 2 : clipped / alpha).detach();
      const Tensor q = (u * n).round() / n;
      const Tensor level = (is_signed ? 2 * q - 1 : q) * alpha.detach();
      const Tensor y = clipped + (level - clipped).detach();
      y.backward(up);
      EXPECT_TRUE(near(p.y, y.detach(), 0, 1e-12));
      EXPECT_TRUE(near(p.dx, leaf.grad(), 0, 1e-12));
      EXPECT_TRUE(near(alpha_of(*quantizer).grad(), alpha.grad(), 1e-10, 1e-10));
    }
  }
}

TEST(PactActivations, TheOptionSetsTheFirstClipValueAndNewWidthsReturnToIt) {
  const auto quantizer = make("PACT", Role::kActivation, "uint4", {{"alpha", 6.0}});
  EXPECT_EQ(alpha_of(*quantizer).item<double>(), 6);
  set_alpha(*quantizer, 2);
  quantizer->set_format(Format::parse("uint4"));  // the same: keeps what was learned
  EXPECT_EQ(alpha_of(*quantizer).item<double>(), 2);
  quantizer->set_format(Format::parse("uint3"));
  EXPECT_EQ(alpha_of(*quantizer).item<double>(), 6);
}

TEST(PactActivations, ClipValuesThatAreNotPositiveAreRefused) {
  for (const double alpha : {0.0, -1.0}) {
    const std::string text = config_error([&] {
      make("PACT", Role::kActivation, "uint4", {{"alpha", alpha}});
    });
    EXPECT_THAT(text, HasSubstr("alpha"));
  }
}

TEST(PactActivations, AlphaStaysAboveZeroInUse) {
  const auto quantizer = make("PACT", Role::kActivation, "uint4");
  set_alpha(*quantizer, -1);
  const Pass p = pass(*quantizer, vec({-1, 0, 2}), vec({1, 1, 3}));
  EXPECT_TRUE(near(p.y, vec({0, 0, 1e-5}), 1e-5, 1e-12));
  EXPECT_EQ(alpha_of(*quantizer).grad().item<double>(), 3);  // so that it can grow again
}

TEST(PactActivations, NanEmptyLayoutAndPrecision) {
  torch::manual_seed(4);
  for (const char* format : {"uint1", "uint4", "int3"}) {
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const auto quantizer =
          make("PACT", Role::kActivation, format, {{"alpha", 1.5}}, torch::ones({1}, dtype));
      EXPECT_EQ(alpha_of(*quantizer).scalar_type(), dtype);
      const Tensor y = quantizer->quantize(vec({.25, NAN, 2, INFINITY}, dtype));
      EXPECT_TRUE(y[1].isnan().item<bool>());
      EXPECT_EQ(y.isnan().sum().item<int>(), 1);
      EXPECT_NEAR(y[3].item<double>(), 1.5, 1e-6);
      EXPECT_EQ(
          pass(*quantizer, torch::zeros({0, 2}, dtype), torch::zeros({0, 2}, dtype)).dx.numel(), 0);
      const Tensor x = torch::randn({2, 6, 5, 4}, dtype);
      expect_layout_independent(*quantizer, x);
      expect_layout_independent(*quantizer, x.contiguous(torch::MemoryFormat::ChannelsLast));
      expect_layout_independent(*quantizer, x.permute({3, 1, 0, 2}));
      expect_layout_independent(*quantizer, x.slice(3, 0, 4, 2));
    }
  }
}

TEST(PactActivations, RefuseSmallFloats) {
  const auto quantizer = make("PACT", Role::kActivation, "uint4");
  set_alpha(*quantizer, 3);
  const std::string text = config_error([&] { quantizer->set_format(Format::parse("e4m3")); });
  EXPECT_THAT(text, HasSubstr("PACT cannot quantize activations to e4m3"));
  EXPECT_THAT(text, HasSubstr("uint1 .. uint16"));
  EXPECT_EQ(alpha_of(*quantizer).item<double>(), 3);
}

}  // namespace
}  // namespace quantizer_test
