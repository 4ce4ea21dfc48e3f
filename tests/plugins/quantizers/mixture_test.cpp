#include <gmock/gmock.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/nn/layers.h>
#include <deneb/quant/buffer_handover.h>
#include <deneb/quant/format_mixture.h>
#include <deneb/quant/step_bank.h>

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

// What a search needs to know of it, without names of parameters.
TEST(Mixture, ShowsFormatsSharesAndLogits) {
  const auto weight = mixture(Role::kWeight, {4, 2}, {0, std::log(3.0)});
  const auto input = mixture(Role::kActivation, {4, 2}, {0, 0});
  auto* mixed = dynamic_cast<deneb::FormatMixture*>(weight.get());
  ASSERT_TRUE(mixed);
  const auto words = [](Quantizer& q) {
    std::vector<std::string> words;
    for (const Format& f : dynamic_cast<deneb::FormatMixture&>(q).formats()) {
      words.push_back(f.text());
    }
    return words;
  };
  EXPECT_THAT(words(*weight), testing::ElementsAre("int4", "int2"));
  EXPECT_THAT(words(*input), testing::ElementsAre("uint4", "uint2"));
  EXPECT_TRUE(near(mixed->shares().detach(), vec({.25, .75})));
  EXPECT_TRUE(mixed->logits().is_same(alpha_of(*weight)));
  // The gradient of an expected width, by hand: p_i (b_i - sum p b).
  (mixed->shares() * vec({4, 2})).sum().backward();
  EXPECT_TRUE(near(mixed->logits().grad(), vec({.25 * 1.5, .75 * -.5})));
  // A search that decides by itself: all but one share next to nothing.
  const Tensor w = torch::linspace(-1, 1, 9);
  {
    torch::NoGradGuard no_grad;
    mixed->logits().copy_(vec({50, -50}));
  }
  EXPECT_TRUE(near(weight->quantize(w).detach(), make("HWGQ", Role::kWeight, "int4")->quantize(w)));
  EXPECT_FALSE(dynamic_cast<deneb::FormatMixture*>(make("LSQ", Role::kWeight, "int4").get()));
}

TEST(Mixture, StartsEven) {
  const auto q = make("Mixture", Role::kActivation, "uint2");
  EXPECT_TRUE(torch::equal(alpha_of(*q).detach(), torch::full({3}, .01)));
}

// Ends and ties of EdMIPS' reference, and each candidate by itself.
TEST(Mixture, OneWidthIsHwgq) {
  const double steps[] = {.538, .3217, .185};
  for (int bits = 2; bits <= 4; ++bits) {
    const auto q = mixture(Role::kActivation, {bits}, {.3});
    const double top = steps[bits - 2] * (std::pow(2, bits) - 1);
    const Pass p = pass(*q, vec({0, top, top + 1e-4, -1e-6}), torch::ones({4}));
    EXPECT_TRUE(torch::equal(p.dx, vec({1, 1, 0, 0}))) << bits;
  }
  const double d = .538;
  const auto two = mixture(Role::kActivation, {2}, {0});
  EXPECT_TRUE(
      near(two->quantize(vec({d * .5, d * 1.5, d * 2.5})).detach(), vec({0, 2 * d, 2 * d})));
  torch::manual_seed(7);
  const Tensor x = torch::randn({5000}) * 2, up = torch::randn_like(x);
  for (int bits = 1; bits <= 8; ++bits) {
    for (const Role role : {Role::kWeight, Role::kActivation}) {
      const std::string format = Format::integer(bits, role == Role::kWeight).text();
      const Pass mixed = pass(*mixture(role, {bits}, {.3}), x, up);
      const Pass alone = pass(*make("HWGQ", role, format), x, up);
      EXPECT_TRUE(near(mixed.y.detach(), alone.y.detach(), 1e-6, 0)) << format;
      EXPECT_TRUE(torch::equal(mixed.dx, alone.dx)) << format;
    }
  }
}

TEST(Mixture, OneConvolutionIsTheSumOfAllBranches) {
  torch::manual_seed(8);
  const std::vector<int> weight_widths = {1, 2, 3, 4}, input_widths = {2, 3, 4};
  const auto weight = mixture(Role::kWeight, weight_widths, {.3, -.2, .5, .1});
  const auto input = mixture(Role::kActivation, input_widths, {-.4, .2, .6});
  deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(6, 5, 3).padding(1).bias(false));
  conv->set_quantizers(weight, input);
  const Tensor x = torch::randn({2, 6, 9, 8});
  const Tensor p = alpha_of(*weight).softmax(0), r = alpha_of(*input).softmax(0);
  Tensor sum = torch::zeros({2, 5, 9, 8});
  for (std::size_t i = 0; i < weight_widths.size(); ++i) {
    for (std::size_t j = 0; j < input_widths.size(); ++j) {
      conv->set_quantizers(
          make("HWGQ", Role::kWeight, Format::integer(weight_widths[i], true).text()),
          make("HWGQ", Role::kActivation, Format::integer(input_widths[j], false).text()));
      sum = sum + conv(x) * p[std::int64_t(i)] * r[std::int64_t(j)];
    }
  }
  conv->set_quantizers(weight, input);
  EXPECT_TRUE(near(conv(x).detach(), sum.detach(), 1e-5, 1e-5));
}

TEST(Mixture, TakesStepsOfItsOwn) {
  const nlohmann::json options = {{"widths", {1, 2}}, {"step_table", {2.0, .5}}};
  const Tensor x = vec({-3, .2, .3, .8, 1.1, 9});
  for (const Role role : {Role::kWeight, Role::kActivation}) {
    const bool is_signed = role == Role::kWeight;
    const auto q = make("Mixture", role, Format::integer(2, is_signed).text(), options);
    Tensor sum = torch::zeros_like(x);
    for (const int bits : {1, 2}) {
      sum +=
          make("HWGQ", role, Format::integer(bits, is_signed).text(), {{"step_table", {2.0, .5}}})
              ->quantize(x) /
          2;
    }
    EXPECT_TRUE(near(q->quantize(x).detach(), sum));
  }
}

// --- steps = lsq

Tensor scale_in(Quantizer& q) { return q.named_parameters()["scale"]; }
bool started(Quantizer& q) { return q.named_buffers()["initialized"].item<bool>(); }

std::shared_ptr<Quantizer> learned(Role role, const std::string& format,
                                   const std::vector<int>& widths, const Tensor& weight,
                                   nlohmann::json options = nlohmann::json::object()) {
  options["steps"] = "lsq";
  options["widths"] = widths;
  return make("Mixture", role, format, options, weight);
}

TEST(LearnedMixture, OneWidthIsLsq) {
  torch::manual_seed(9);
  struct Case {
    Role role;
    const char* format;
  };
  for (const char* gain : {"sample", "tensor"}) {
    for (const Case& c : {Case{Role::kWeight, "int4"}, Case{Role::kActivation, "uint1"},
                          Case{Role::kActivation, "uint3"}, Case{Role::kActivation, "int8"}}) {
      SCOPED_TRACE(std::string(c.format) + " " + gain);
      const Tensor w = torch::randn({7, 90, 9, 9}) * .2;
      Tensor x = c.role == Role::kWeight ? w : torch::randn({3, 80, 31, 17});
      x.view(-1).slice(0, 0, 4000).mul_(8).round_().div_(8);
      const Tensor up = torch::randn_like(x);
      const auto mixed =
          learned(c.role, c.format, {Format::parse(c.format).bits}, w, {{"gain", gain}});
      const auto lsq = make("LSQ", c.role, c.format, {{"gain", gain}}, w);
      const Pass a = pass(*mixed, x, up), b = pass(*lsq, x, up);
      EXPECT_TRUE(torch::equal(scale_in(*mixed).squeeze(), scale_in(*lsq)));
      EXPECT_TRUE(torch::equal(a.y, b.y));
      EXPECT_TRUE(torch::equal(a.dx, b.dx));
      const double expected = scale_in(*lsq).grad().item<double>();
      EXPECT_NEAR(scale_in(*mixed).grad().item<double>(), expected,
                  1e-6 * std::max(1.0, std::abs(expected)));
      EXPECT_TRUE(alpha_of(*mixed).grad().abs().item<double>() < 1e-3);  // nothing to decide
    }
  }
}

// Against autograd through the sum, each rounding by the detach trick; some steps are too small,
// some too large and one negative.
TEST(LearnedMixture, GradientsFollowFromTheDefinition) {
  torch::manual_seed(10);
  struct Case {
    Role role;
    const char* format;
    std::vector<int> widths;
  };
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const Case& c : {Case{Role::kActivation, "uint4", {1, 2, 3, 4, 5, 6, 7, 8}},
                          Case{Role::kActivation, "int2", {2, 3, 4, 5, 6, 7, 8}},
                          Case{Role::kWeight, "int3", {4, 2, 3}}}) {
      SCOPED_TRACE(c.format);
      const Tensor x = torch::randn({4, 1111}, dtype), up = torch::randn_like(x);
      const auto q = learned(c.role, c.format, c.widths, x);
      const auto n = static_cast<std::int64_t>(c.widths.size());
      q->quantize(x);
      {
        torch::NoGradGuard no_grad;
        alpha_of(*q).copy_(torch::randn({n}));
        scale_in(*q).mul_(torch::rand({n}) + .5);
        scale_in(*q)[1].neg_();
      }
      const Pass p = pass(*q, x, up);
      const Tensor leaf = x.clone().requires_grad_();
      const Tensor steps = scale_in(*q).detach().clone().requires_grad_();
      const Tensor alpha = alpha_of(*q).detach().clone().requires_grad_();
      const Tensor shares = alpha.softmax(0);
      const double sharing = double(c.role == Role::kWeight ? x.numel() : x.size(1));
      Tensor sum = torch::zeros_like(x);
      for (std::int64_t j = 0; j < n; ++j) {
        const int bits = c.widths[std::size_t(j)];
        const bool is_signed = c.format[0] == 'i';
        const double low = is_signed ? -std::exp2(bits - 1) : 0;
        const double high = std::exp2(is_signed ? bits - 1 : bits) - 1;
        const double gain = 1 / std::sqrt(high * sharing);
        const Tensor s = (steps[j] - steps[j] * gain).detach() + steps[j] * gain;
        const Tensor v = (leaf / s.abs()).clamp(low, high);
        sum = sum + ((v.round() - v).detach() + v) * s.abs() * shares[j];
      }
      sum.backward(up);
      EXPECT_TRUE(near(p.y.detach(), sum.detach(), 1e-5, 1e-6));
      EXPECT_TRUE(near(p.dx, leaf.grad(), 1e-5, 1e-6));
      EXPECT_TRUE(near(alpha_of(*q).grad(), alpha.grad(), 1e-4, 1e-3));
      EXPECT_TRUE(near(scale_in(*q).grad(), steps.grad(), 1e-4, 1e-4));
    }
  }
}

TEST(LearnedMixture, IsABankOfStepsThatTheFirstBatchSets) {
  const Tensor w = vec({.1, -.2, .3, .05, -.4, .25}).view({2, 3});
  const auto weight = learned(Role::kWeight, "int4", {6, 5, 4, 3, 2}, w);
  const auto* bank = dynamic_cast<deneb::StepBank*>(weight.get());
  ASSERT_TRUE(bank);
  EXPECT_THAT(bank->widths(), testing::ElementsAre(6, 5, 4, 3, 2));
  EXPECT_TRUE(near(bank->steps().detach(),
                   vec({.0257927906, .0515855812, .103171162, .206342325, .412684649})));
  EXPECT_TRUE(started(*weight));
  EXPECT_FALSE(dynamic_cast<deneb::StepBank*>(make("Mixture", Role::kWeight, "int4").get()));

  const auto input = learned(Role::kActivation, "uint4", {4, 2}, w);
  for (const Tensor& nothing : {torch::zeros({4}), vec({1, NAN}), vec({1, INFINITY})}) {
    input->quantize(nothing);
    EXPECT_FALSE(started(*input));
    EXPECT_TRUE(torch::equal(scale_in(*input), torch::ones({2})));
  }
  input->quantize(vec({-1, 3}));  // 2 mean|x| / sqrt(Qp)
  EXPECT_TRUE(started(*input));
  EXPECT_TRUE(near(scale_in(*input).detach(), vec({4 / std::sqrt(15.0), 4 / std::sqrt(3.0)})));
  input->quantize(vec({50}));
  input->set_format(Format::float32());
  input->set_format(Format::parse("uint2"));  // the mixture is the same
  EXPECT_TRUE(near(scale_in(*input).detach(), vec({4 / std::sqrt(15.0), 4 / std::sqrt(3.0)})));

  // The other sign has other levels.
  input->set_format(Format::parse("int4"));
  EXPECT_FALSE(started(*input));
  input->quantize(vec({-1, 3}));
  EXPECT_TRUE(near(scale_in(*input).detach(), vec({4 / std::sqrt(7.0), 4.0})));
  EXPECT_TRUE(input->quantize(vec({-9})).item<double>() < 0);
  EXPECT_EQ(dynamic_cast<deneb::FormatMixture&>(*input).formats().at(1).text(), "int2");
}

TEST(LearnedMixture, SavesAndLoadsItsState) {
  torch::manual_seed(11);
  const Tensor x = torch::randn({3, 40}).abs(), w = torch::randn({4, 5});
  const auto first = learned(Role::kActivation, "uint4", {2, 4, 8}, w);
  first->quantize(x);
  torch::NoGradGuard no_grad;
  alpha_of(*first).copy_(vec({.4, -1, .2}));
  scale_in(*first).mul_(1.25);
  const Tensor expected = first->quantize(x);
  const auto second = learned(Role::kActivation, "uint4", {2, 4, 8}, w);
  for (auto& entry : second->named_parameters()) {
    entry.value().copy_(first->named_parameters()[entry.key()]);
  }
  for (auto& entry : second->named_buffers()) {
    entry.value().copy_(first->named_buffers()[entry.key()]);
  }
  second->quantize(x * 50);  // must not start the steps anew
  EXPECT_TRUE(torch::equal(second->quantize(x), expected));
}

TEST(Mixture, DoesNotDependOnTheThreads) {
  torch::manual_seed(12);
  const Tensor x = torch::randn({9, 16, 71, 33}), up = torch::randn_like(x);
  const int before = at::get_num_threads();
  for (const nlohmann::json& options :
       {nlohmann::json{{"steps", "gaussian"}}, nlohmann::json{{"steps", "lsq"}}}) {
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 3}) {
      at::set_num_threads(threads);
      const auto q = make("Mixture", Role::kActivation, "uint4", options);
      q->quantize(vec({.5, 1}));
      const Pass p = pass(*q, x, up);
      results.push_back({p.y.detach(), p.dx});
      for (const Tensor& parameter : q->parameters()) results.back().push_back(parameter.grad());
    }
    at::set_num_threads(before);
    if (reference_kernels()) continue;  // sums of LibTorch run in another order
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
    }
  }
}

TEST(Mixture, WritesOverOnlyWhatIsHandedOver) {
  if (reference_kernels()) GTEST_SKIP() << "kernels only";
  torch::manual_seed(13);
  const Tensor x = torch::randn({3, 700}), up = torch::randn_like(x);
  for (const char* steps : {"gaussian", "lsq"}) {
    const auto q = make("Mixture", Role::kActivation, "uint4", {{"steps", steps}});
    ASSERT_TRUE(q->traits().writes_over);
    q->quantize(x);
    const Pass expected = pass(*q, x, up);
    const Tensor leaf = x.clone().requires_grad_(), y = q->quantize(leaf), g = up.clone();
    const auto gradient = [&](const Tensor& upstream) {
      return torch::autograd::grad({y}, {leaf}, {upstream}, /*retain_graph=*/true)[0];
    };
    EXPECT_TRUE(torch::equal(gradient(g), expected.dx));
    EXPECT_TRUE(torch::equal(g, up));
    torch::NoGradGuard no_grad;
    const Tensor own = x.clone();
    EXPECT_TRUE(torch::equal(q->quantize(own), expected.y));
    EXPECT_TRUE(torch::equal(own, x));
    deneb::hand_over(own);
    const Tensor over = q->quantize(own);
    EXPECT_EQ(over.data_ptr(), own.data_ptr());
    EXPECT_TRUE(torch::equal(over, expected.y));
  }
}

// Two convolutions with mixtures of their own behind one ReLU, as a block with a shortcut has it.
TEST(Mixture, LayersThatReadTheSameTensorDoNotDisturbEachOther) {
  torch::manual_seed(14);
  for (const char* steps : {"gaussian", "lsq"}) {
    const Tensor source = torch::randn({2, 4, 9, 9});
    std::vector<deneb::nn::Conv2d> layers;
    for (int k = 0; k < 2; ++k) {
      layers.emplace_back(torch::nn::Conv2dOptions(4, 4, 3).bias(false));
      const auto weight =
          make("Mixture", Role::kWeight, "int4", {{"steps", steps}}, layers.back()->weight);
      const auto input =
          make("Mixture", Role::kActivation, "uint4", {{"steps", steps}}, layers.back()->weight);
      layers.back()->set_quantizers(weight, input);
      layers.back()(source.relu() * (k + 1));
      torch::NoGradGuard no_grad;
      alpha_of(*input).copy_(torch::randn({3}));
    }
    const auto run = [&](const std::vector<std::size_t>& which) {
      for (auto& layer : layers) layer->zero_grad();
      const Tensor leaf = source.clone().requires_grad_(), x = leaf.relu();
      std::vector<Tensor> all;
      Tensor loss = torch::zeros({});
      for (const std::size_t k : which) {
        all.push_back(layers[k](x));
        loss = loss + all.back().pow(2).sum();
      }
      loss.backward();
      for (const std::size_t k : which) {
        for (const Tensor& p : layers[k]->parameters()) all.push_back(p.grad().clone());
      }
      all.push_back(leaf.grad());
      return all;
    };
    const auto both = run({0, 1}), first = run({0}), second = run({1});
    const std::size_t parameters = first.size() - 2;
    EXPECT_TRUE(torch::equal(both[0], first[0]));
    EXPECT_TRUE(torch::equal(both[1], second[0]));
    for (std::size_t i = 0; i < parameters; ++i) {
      EXPECT_TRUE(near(both[2 + i], first[1 + i], 1e-5, 1e-5)) << i;
      EXPECT_TRUE(near(both[2 + parameters + i], second[1 + i], 1e-5, 1e-5)) << i;
    }
    EXPECT_TRUE(near(both.back(), first.back() + second.back(), 1e-5, 1e-4));
    torch::NoGradGuard no_grad;
    const Tensor x = source.relu();
    const Tensor alone = layers[1](x.clone());
    layers[0](x);
    EXPECT_TRUE(torch::equal(layers[1](x), alone));
  }
}

// --- own_weights

TEST(Mixture, EqualOwnWeightsGiveTheSharedForm) {
  torch::manual_seed(15);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const char* steps : {"gaussian", "lsq"}) {
      for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
        const Tensor w = torch::randn({40, 33, 5, 7}, dtype).contiguous(layout);
        const Tensor up = torch::randn_like(w), alpha = vec({.3, -1, .2}, dtype);
        nlohmann::json options = {{"steps", steps}, {"widths", {4, 2, 3}}};
        const auto shared = make("Mixture", Role::kWeight, "int4", options, w);
        options["own_weights"] = true;
        const auto own = make("Mixture", Role::kWeight, "int4", options, w);
        const Tensor weights = own->named_parameters()["weights"];
        for (auto* q : {shared.get(), own.get()}) {
          torch::NoGradGuard no_grad;
          alpha_of(*q).copy_(alpha);
        }
        const Pass expected = pass(*shared, w, up);
        const Tensor leaf = w.clone().requires_grad_(), y = own->quantize(leaf);
        y.backward(up);
        EXPECT_TRUE(torch::equal(y, expected.y));
        EXPECT_EQ(y.strides(), w.strides());
        EXPECT_FALSE(leaf.grad().defined());
        EXPECT_TRUE(near(alpha_of(*own).grad(), alpha_of(*shared).grad(), 1e-6, 1e-4));
        EXPECT_TRUE(near(weights.grad().sum(0), expected.dx, 1e-5, 1e-6));
        if (std::string(steps) == "gaussian") {
          const Tensor p = alpha.softmax(0).view({3, 1, 1, 1, 1});
          EXPECT_TRUE(near(weights.grad(), p * up));
        } else {
          EXPECT_TRUE(near(scale_in(*own).grad(), scale_in(*shared).grad(), 1e-5, 1e-5));
        }
      }
    }
  }
}

TEST(Mixture, OwnWeightsHaveTheirOwnDeviation) {
  torch::manual_seed(16);
  const Tensor w = torch::randn({6, 50});
  const nlohmann::json options = {{"widths", {2, 4}}, {"own_weights", true}};
  const auto q = make("Mixture", Role::kWeight, "int4", options, w);
  const Tensor weights = q->named_parameters()["weights"];
  {
    torch::NoGradGuard no_grad;
    weights[0].mul_(3);
    weights[1].mul_(.25).add_(.1);
  }
  const Tensor sum = (make("HWGQ", Role::kWeight, "int2")->quantize(weights[0].detach()) +
                      make("HWGQ", Role::kWeight, "int4")->quantize(weights[1].detach())) /
                     2;
  EXPECT_TRUE(near(q->quantize(w).detach(), sum));
  EXPECT_THROW(q->quantize(w.view({50, 6})), c10::Error);
  EXPECT_THAT(config_error([&] { make("Mixture", Role::kActivation, "uint4", options); }),
              HasSubstr("own_weights is for quantizer.weight only"));
}

// Without spread the paper's code divides by zero.
TEST(Mixture, WeightsWithoutSpreadBecomeZero) {
  for (const bool own : {false, true}) {
    const Tensor w = torch::full({3, 4}, .5);
    const auto q = make("Mixture", Role::kWeight, "int4", {{"own_weights", own}}, w);
    EXPECT_TRUE(torch::equal(q->quantize(w).detach(), torch::zeros_like(w)));
  }
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
  const nlohmann::json one = {{"steps", "lsq"}, {"widths", {1, 4}}};
  const auto unsigned_only = make("Mixture", Role::kActivation, "", one);
  EXPECT_THAT(config_error([&] { unsigned_only->set_format(Format::parse("int4")); }),
              HasSubstr("it can do uint1, uint4, the widths that it mixes"));
  const auto both = make("Mixture", Role::kActivation, "", {{"steps", "lsq"}, {"widths", {4}}});
  EXPECT_THAT(config_error([&] { both->set_format(Format::parse("int3")); }),
              HasSubstr("it can do uint4, int4, the widths"));
  const nlohmann::json short_table = {{"step_table", {1.0, .5}}};
  EXPECT_THAT(config_error([&] { make("Mixture", Role::kWeight, "", short_table); }),
              HasSubstr("step_table ends at 2"));
  const nlohmann::json mismatch = {{"step_table", {1, 1, 1, 1}}, {"steps", "lsq"}};
  EXPECT_THAT(config_error([&] { make("Mixture", Role::kWeight, "", mismatch); }),
              HasSubstr("learned steps start from the data"));
}

}  // namespace
}  // namespace quantizer_test
