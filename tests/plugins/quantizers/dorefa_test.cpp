#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/nn/layers.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

// Vectors of Vega's reference code, float32.
const std::vector<double> kWeights = {-1, -.5, -.1, 0, .2, .7, 1.5};
const std::vector<double> kActivations = {-.3, 0, .1, .25, .5, .8, 1, 1.7};

struct DorefaRow {
  const char* format;
  std::vector<double> y, gradient;
};

class DorefaWeights : public testing::TestWithParam<const char*> {};

TEST_P(DorefaWeights, MatchTheReference) {
  const std::vector<double> gradient = {.4639840,  1.7377213, 3.2814503, 4.4191656,
                                        5.3087602, 4.2075291, -.5796977};
  const double e = .5714286;
  const std::vector<DorefaRow> rows = {
      {"int1", {-e, -e, -e, e, e, e, e}, {1, 2, 3, 4, 5, 6, 7}},
      {"int2", {-1, -.3333333, -.3333333, .3333334, .3333334, 1, 1}, gradient},
      {"int4", {-.8666667, -.4666666, -.0666667, .0666667, .2, .7333333, 1}, gradient},
      {"int8", {-.8431373, -.5137255, -.1137255, .0039216, .2156863, .6705883, 1}, gradient}};
  for (const DorefaRow& row : rows) {
    SCOPED_TRACE(row.format);
    const auto quantizer = make(GetParam(), Role::kWeight, row.format);
    const Pass p = pass(*quantizer, vec(kWeights), vec({1, 2, 3, 4, 5, 6, 7}));
    EXPECT_TRUE(near(p.y, vec(row.y)));
    EXPECT_TRUE(near(p.dx, vec(row.gradient)));
    EXPECT_TRUE(quantizer->parameters().empty());
  }
}

// The definition, left to autograd: the rounding is the identity, all else is differentiated.
TEST_P(DorefaWeights, GradientFollowsFromTheDefinition) {
  torch::manual_seed(7);
  for (const int bits : {2, 3, 5, 8, 16}) {
    Tensor w = torch::randn({4, 3, 3, 3}, torch::kFloat64);
    w.view(-1)[5] = 3.5;  // the maximum, three times, once negative: the gradient is shared
    w.view(-1)[17] = -3.5;
    w.view(-1)[90] = 3.5;
    const Tensor up = torch::randn_like(w);
    const auto quantizer = make(GetParam(), Role::kWeight, Format::integer(bits, true).text());
    const Pass p = pass(*quantizer, w, up);

    const Tensor leaf = w.clone().requires_grad_();
    const double n = std::pow(2, bits) - 1;
    const Tensor t = leaf.tanh();
    const Tensor u = t / (2 * t.abs().max()) + 0.5;
    const Tensor y = 2 * (u + ((u * n).round() / n - u).detach()) - 1;
    y.backward(up);
    EXPECT_TRUE(near(p.y, y.detach(), 0, 1e-12));
    EXPECT_TRUE(near(p.dx, leaf.grad(), 1e-10, 1e-10));
    const auto levels = std::get<0>(torch::_unique(p.y));
    EXPECT_LE(levels.numel(), n + 1);
    EXPECT_EQ(p.y.abs().max().item<double>(), 1);
  }
}

TEST_P(DorefaWeights, ZerosNanAndEmpty) {
  const auto quantizer = make(GetParam(), Role::kWeight, "int4");
  const Pass zeros = pass(*quantizer, torch::zeros({5}), torch::ones({5}));
  // 15 / 2 = 7.5 rounds to 8: the level just above zero.
  EXPECT_TRUE(near(zeros.y, torch::full({5}, 1. / 15)));
  EXPECT_TRUE(torch::isfinite(zeros.dx).all().item<bool>());

  const Pass nan = pass(*quantizer, vec({1, NAN, .5}), torch::ones({3}));
  EXPECT_TRUE(nan.y.isnan().all().item<bool>());
  const auto binary = make(GetParam(), Role::kWeight, "int1");
  EXPECT_TRUE(binary->quantize(vec({1, NAN, .5})).isnan().all().item<bool>());

  for (const auto& q : {quantizer, binary}) {
    const Pass empty = pass(*q, torch::zeros({0, 3}), torch::zeros({0, 3}));
    EXPECT_EQ(empty.y.sizes(), (std::vector<std::int64_t>{0, 3}));
    EXPECT_EQ(empty.dx.sizes(), (std::vector<std::int64_t>{0, 3}));
  }
}

TEST_P(DorefaWeights, AnyLayoutAndPrecision) {
  torch::manual_seed(1);
  for (const char* format : {"int1", "int3"}) {
    const auto quantizer = make(GetParam(), Role::kWeight, format);
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor x = torch::randn({4, 6, 5, 2}, dtype);
      expect_layout_independent(*quantizer, x);
      expect_layout_independent(*quantizer, x.contiguous(torch::MemoryFormat::ChannelsLast));
      expect_layout_independent(*quantizer, x.transpose(0, 2));
      expect_layout_independent(*quantizer, x.slice(1, 0, 6, 2));
    }
  }
  EXPECT_THROW(make(GetParam(), Role::kWeight, "int3")->quantize(torch::ones({2}, torch::kInt32)),
               c10::Error);
}

TEST_P(DorefaWeights, RefuseFormatsThatTheyCannotRepresent) {
  const auto quantizer = make(GetParam(), Role::kWeight, "int4");
  for (const char* word : {"e4m3", "uint4"}) {
    const std::string text = config_error([&] { quantizer->set_format(Format::parse(word)); });
    EXPECT_THAT(text, HasSubstr("layer1.0.conv1"));
    EXPECT_THAT(text, HasSubstr(GetParam()));
    EXPECT_THAT(text, HasSubstr(std::string("weights to ") + word));
    EXPECT_THAT(text, HasSubstr("int1 .. int16"));
  }
  Format wide = Format::parse("int16");
  wide.bits = 17;
  EXPECT_THAT(config_error([&] { quantizer->set_format(wide); }), HasSubstr("int17"));
  EXPECT_EQ(quantizer->format(), Format::parse("int4"));  // the refused ones changed nothing
}

INSTANTIATE_TEST_SUITE_P(Methods, DorefaWeights, testing::Values("DoReFa", "PACT"));

TEST(DorefaActivations, MatchTheReference) {
  const std::vector<double> gradient = {0, 2, 3, 4, 5, 6, 7, 0};
  const std::vector<DorefaRow> rows = {
      {"uint1", {0, 0, 0, 0, 0, 1, 1, 1}, gradient},
      {"uint2", {0, 0, 0, .3333333, .6666667, .6666667, 1, 1}, gradient},
      {"uint4", {0, 0, .1333333, .2666667, .5333334, .8, 1, 1}, gradient},
      {"uint8", {0, 0, .1019608, .2509804, .5019608, .8, 1, 1}, gradient}};
  for (const DorefaRow& row : rows) {
    SCOPED_TRACE(row.format);
    const auto quantizer = make("DoReFa", Role::kActivation, row.format);
    const Pass p = pass(*quantizer, vec(kActivations), vec({1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_TRUE(near(p.y, vec(row.y)));
    EXPECT_TRUE(near(p.dx, vec(row.gradient)));
  }
}

// Our extension: 2 Q((clamp(x, -1, 1) + 1) / 2) - 1. For 2 bits the levels are -1, -1/3, 1/3, 1.
TEST(DorefaActivations, SignedFormatsClipToMinusOneAndOne) {
  const Tensor x = vec({-1.5, -1, -.9, -.6, -.1, 0, .1, .6, .9, 1, 1.5});
  const Tensor up = vec({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const double t = 1. / 3;
  const Pass p = pass(*make("DoReFa", Role::kActivation, "int2"), x, up);
  EXPECT_TRUE(near(p.y, vec({-1, -1, -1, -t, -t, t, t, t, 1, 1, 1})));
  EXPECT_TRUE(near(p.dx, vec({0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0})));
  const Pass binary = pass(*make("DoReFa", Role::kActivation, "int1"), x, up);
  EXPECT_TRUE(near(binary.y, vec({-1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1})));
}

TEST(DorefaActivations, GradientFollowsFromTheDefinition) {
  torch::manual_seed(3);
  for (const bool is_signed : {false, true}) {
    for (const int bits : {1, 2, 4, 8, 16}) {
      const Tensor x = torch::randn({6, 4, 5}, torch::kFloat64), up = torch::randn_like(x);
      const auto quantizer =
          make("DoReFa", Role::kActivation, Format::integer(bits, is_signed).text());
      const Pass p = pass(*quantizer, x, up);
      const Tensor leaf = x.clone().requires_grad_();
      const double n = std::pow(2, bits) - 1;
      const Tensor clipped = leaf.clamp(is_signed ? -1 : 0, 1);
      const Tensor u = is_signed ? (clipped + 1) / 2 : clipped;
      const Tensor q = u + ((u * n).round() / n - u).detach();
      const Tensor y = is_signed ? 2 * q - 1 : q;
      y.backward(up);
      EXPECT_TRUE(near(p.y, y.detach(), 0, 1e-12));
      EXPECT_TRUE(near(p.dx, leaf.grad(), 0, 1e-12));
    }
  }
}

// float32 takes the kernel (several of its pieces here): every bit as if calculated one by one.
TEST(DorefaActivations, KernelFollowsFromTheDefinition) {
  torch::manual_seed(8);
  const Tensor x = torch::randn({7, 101, 103}), up = torch::randn_like(x);
  for (const char* format : {"uint1", "uint2", "uint5", "uint8", "int1", "int4", "uint16"}) {
    const Format f = Format::parse(format);
    const Pass p = pass(*make("DoReFa", Role::kActivation, format), x, up);
    const float n = std::exp2(float(f.bits)) - 1, low = f.is_signed() ? -1 : 0;
    const float *xs = x.data_ptr<float>(), *gs = up.data_ptr<float>();
    const float *ys = p.y.data_ptr<float>(), *ds = p.dx.data_ptr<float>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const float c = std::min(std::max(xs[i], low), 1.f);
      const float y = f.is_signed() ? (2 * std::nearbyint((c + 1) * (n / 2)) - n) / n
                                    : std::nearbyint(c * n) / n;
      ASSERT_EQ(ys[i], y) << format << " " << xs[i];
      ASSERT_EQ(ds[i], low <= xs[i] && xs[i] <= 1 ? gs[i] : 0) << format << " " << xs[i];
    }
  }
}

TEST(DorefaActivations, NanEmptyLayoutAndPrecision) {
  torch::manual_seed(2);
  for (const char* format : {"uint1", "uint4", "int4"}) {
    const auto quantizer = make("DoReFa", Role::kActivation, format);
    const Tensor y = quantizer->quantize(vec({.25, NAN, 2, INFINITY, -INFINITY}));
    EXPECT_TRUE(y[1].isnan().item<bool>());
    EXPECT_EQ(y.isnan().sum().item<int>(), 1);
    EXPECT_EQ(y[3].item<float>(), 1);
    EXPECT_EQ(pass(*quantizer, torch::zeros({0, 2}), torch::zeros({0, 2})).dx.numel(), 0);
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      const Tensor x = torch::randn({2, 6, 5, 4}, dtype);
      expect_layout_independent(*quantizer, x);
      expect_layout_independent(*quantizer, x.contiguous(torch::MemoryFormat::ChannelsLast));
      expect_layout_independent(*quantizer, x.permute({3, 1, 0, 2}));
      expect_layout_independent(*quantizer, x.slice(3, 0, 4, 2));
    }
  }
}

TEST(DorefaActivations, Formats) {
  const auto quantizer = make("DoReFa", Role::kActivation, "");
  const Tensor x = vec({-3, .3, 7});
  EXPECT_TRUE(torch::equal(quantizer->quantize(x), x));  // no format yet
  const std::string text = config_error([&] { quantizer->set_format(Format::parse("e2m1")); });
  EXPECT_THAT(text, HasSubstr("DoReFa cannot quantize activations to e2m1"));
  EXPECT_THAT(text, HasSubstr("uint1 .. uint16"));
  quantizer->set_format(Format::parse("uint1"));
  EXPECT_EQ(quantizer->format().text(), "uint1");
  quantizer->set_format(Format::float32());
  EXPECT_TRUE(torch::equal(quantizer->quantize(x), x));
}

TEST(DorefaLayer, MatchesTheReferenceConvolution) {
  deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(2, 2, 1).bias(false));
  {
    torch::NoGradGuard no_grad;
    conv->weight.copy_(vec({.1, -.4, .9, .3}).view({2, 2, 1, 1}));
  }
  conv->set_quantizers(make("DoReFa", Role::kWeight, "int2"),
                       make("DoReFa", Role::kActivation, "uint2"));
  const Tensor x = vec({.2, .6, -.5, 1.4}).view({1, 2, 1, 2}).requires_grad_();
  const Tensor y = conv(x);
  y.sum().backward();
  EXPECT_TRUE(near(y.detach().view(-1), vec({.1111111, -.1111111, .3333333, 1})));
  EXPECT_TRUE(
      near(conv->weight.grad().view(-1), vec({1.3821992, 1.1945293, -.0104691, 1.2775927})));
  EXPECT_TRUE(near(x.grad().view(-1), vec({1.3333334, 1.3333334, 0, 0})));
}

}  // namespace
}  // namespace quantizer_test
