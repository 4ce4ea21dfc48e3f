#include <gmock/gmock.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/nn/layers.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using testing::HasSubstr;

std::shared_ptr<Quantizer> mixture(Role role, const std::vector<int>& widths,
                                   const std::vector<double>& alpha,
                                   torch::Dtype dtype = torch::kFloat32) {
  const std::string format = Format::integer(widths[0], role == Role::kWeight).text();
  auto q = make("Mixture", role, format, {{"widths", widths}}, torch::ones({1}, dtype));
  torch::NoGradGuard no_grad;
  alpha_of(*q).copy_(vec(alpha, dtype));
  return q;
}

// EdMIPS' reference: a convolution of 2 to 3 channels with both its tensors mixed.
TEST(Mixture, LayerMatchesTheReference) {
  const Tensor w =
      ((torch::arange(54) * 17).remainder(29).to(torch::kFloat32) / 14 - 1).view({3, 2, 3, 3});
  const Tensor x = ((torch::arange(100) * 23).remainder(37).to(torch::kFloat32) / 12 - 1)
                       .view({2, 2, 5, 5})
                       .requires_grad_();
  deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(2, 3, 3).stride(2).padding(1).bias(false));
  conv->weight.set_data(w);
  const auto weight = mixture(Role::kWeight, {1, 2, 3, 4}, {.3, -.2, .5, .1});
  const auto input = mixture(Role::kActivation, {2, 3, 4}, {-.4, .2, .6});
  conv->set_quantizers(weight, input);
  EXPECT_TRUE(near(alpha_of(*weight).softmax(0).detach(), vec({.274223, .166325, .334937, .224515}),
                   1e-5, 0));
  EXPECT_TRUE(near(input->quantize(x).detach().view(-1).slice(0, 0, 10),
                   vec({0, .965442, 0, 1.637213, .581005, 0, 1.252775, 0, 1.924546, .965442}), 1e-5,
                   1e-6));

  const Tensor out = conv(x);
  EXPECT_TRUE(near(out[0][0].detach().view(-1),
                   vec({1.274471, 3.324493, .605011, 2.35963, .259562, -3.001981, -.062368,
                        -3.73953, -1.868877}),
                   1e-5, 1e-5));
  EXPECT_TRUE(near(out[0][1].detach().view(-1),
                   vec({-.514584, -2.012367, -1.396717, -.212087, -.415142, 1.590012, -.457845,
                        1.365579, 1.542514}),
                   1e-5, 1e-5));
  EXPECT_NEAR(out.sum().item<double>(), -1.536732, 1e-4);
  EXPECT_NEAR(out.square().sum().item<double>(), 108.805077, 1e-3);

  (out.square().sum() / 2).backward();
  EXPECT_TRUE(
      near(alpha_of(*weight).grad(), vec({-4.40235, .963139, 2.447448, .991773}), 1e-4, 1e-5));
  EXPECT_TRUE(near(alpha_of(*input).grad(), vec({-.98536, .454351, .531007}), 1e-4, 1e-5));
  const Tensor dw = conv->weight.grad();
  EXPECT_NEAR(dw.sum().item<double>(), -15.239885, 1e-3);
  EXPECT_NEAR(dw.norm().item<double>(), 58.035900, 1e-3);
  EXPECT_TRUE(near(dw.view(-1).slice(0, 0, 6),
                   vec({-11.062305, -13.954667, 5.754391, 8.880555, -15.250024, 19.405544}), 1e-4));
  EXPECT_NEAR(x.grad().sum().item<double>(), 55.980888, 1e-3);
  EXPECT_NEAR(x.grad().norm().item<double>(), 22.845589, 1e-3);
  EXPECT_TRUE(near(x.grad().view(-1).slice(0, 0, 6), vec({0, 3.869818, 0, 3.65519, -1.710737, 0}),
                   1e-4, 1e-5));
}

// The sum of HWGQ quantizers, each run by itself, in both precisions (the kernel and the tensor
// operations); gradients of alpha by autograd through that sum.
TEST(Mixture, IsTheSumOfItsParts) {
  torch::manual_seed(5);
  const std::vector<int> widths = {1, 2, 4, 8};
  const std::vector<double> alpha = {.5, -1, .2, .1};
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const Role role : {Role::kWeight, Role::kActivation}) {
      const Tensor x = torch::randn({9, 70, 111}, dtype) * 2, up = torch::randn_like(x);
      const auto q = mixture(role, widths, alpha, dtype);
      const Pass p = pass(*q, x, up);
      const Tensor leaf = x.clone().requires_grad_();
      const Tensor free = vec(alpha, dtype).requires_grad_();
      const Tensor shares = free.softmax(0);
      Tensor sum = torch::zeros_like(x);
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string format = Format::integer(widths[i], role == Role::kWeight).text();
        sum = sum + make("HWGQ", role, format)->quantize(leaf) * shares[std::int64_t(i)];
      }
      sum.backward(up);
      EXPECT_TRUE(near(p.y.detach(), sum.detach(), 1e-6, 1e-6));
      EXPECT_TRUE(near(p.dx, leaf.grad(), 1e-5, 1e-6));
      EXPECT_TRUE(near(alpha_of(*q).grad(), free.grad(), 1e-4, 1e-2));
    }
  }
}

TEST(Mixture, StartsEven) {
  const auto q = make("Mixture", Role::kActivation, "uint2");
  EXPECT_TRUE(torch::equal(alpha_of(*q).detach(), torch::full({3}, .01)));
}

TEST(Mixture, NanEmptyLayoutAndFloat) {
  torch::manual_seed(6);
  for (const Role role : {Role::kWeight, Role::kActivation}) {
    const auto q = mixture(role, {2, 3}, {0, .5});
    EXPECT_EQ(pass(*q, torch::zeros({0, 2}), torch::zeros({0, 2})).dx.numel(), 0);
    EXPECT_TRUE(q->quantize(vec({NAN, 1}))[0].isnan().item<bool>());
    const Tensor x = torch::randn({2, 6, 5, 4});
    expect_layout_independent(*q, x.contiguous(torch::MemoryFormat::ChannelsLast));
    expect_layout_independent(*q, x.permute({3, 1, 0, 2}));
    expect_layout_independent(*q, x.slice(3, 0, 4, 2));
    q->set_format(Format::float32());
    EXPECT_TRUE(torch::equal(q->quantize(x), x));
  }
}

TEST(Mixture, RefusesWhatItCannotDo) {
  const auto q = make("Mixture", Role::kActivation, "");
  for (const char* word : {"uint5", "int2", "e2m1"}) {
    EXPECT_THAT(config_error([&] { q->set_format(Format::parse(word)); }),
                HasSubstr("it can do uint2, uint3, uint4, the widths that it mixes"));
  }
  for (const auto& widths : {std::vector<int>{}, std::vector<int>{2, 2}, std::vector<int>{9}}) {
    EXPECT_THAT(config_error([&] {
                  make("Mixture", Role::kWeight, "", {{"widths", widths}});
                }),
                HasSubstr("widths"));
  }
}

}  // namespace
}  // namespace quantizer_test
