#include <gmock/gmock.h>
#include <torch/autograd.h>
#include <torch/utils.h>

#include <deneb/quant/buffer_handover.h>

#include "tiny_network.h"

namespace nn_test {
namespace {

using testing::HasSubstr;

/// Multiples of a learned step, gradients straight through; `repeatable` as told.
class Steps final : public deneb::Quantizer {
 public:
  explicit Steps(bool repeatable) : repeatable_(repeatable) {
    step = register_parameter("step", torch::full({}, 0.25));
  }
  void attach(const deneb::QuantizerSite&) override {}
  bool accepts(const deneb::Format&) const override { return true; }
  void set_format(const deneb::Format& format) override { format_ = format; }
  deneb::Format format() const override { return format_; }
  deneb::QuantizerTraits traits() const override { return {repeatable_, false, false}; }
  Tensor quantize(const Tensor& x) override {
    types.push_back(x.scalar_type());
    const Tensor v = x / step.to(x.scalar_type());
    return (v + (v.round() - v).detach()) * step.to(x.scalar_type());
  }

  Tensor step;
  std::vector<torch::ScalarType> types;

 private:
  bool repeatable_;
  deneb::Format format_ = deneb::Format::integer(4, true);
};

template <class Layer>
struct Gradients {
  Tensor y, dx, dweight, dbias, dstep;
  Gradients(Layer layer, const Tensor& x, bool repeatable) {
    const auto input = std::make_shared<Steps>(repeatable);
    layer->set_quantizers(rounding(5), input);
    layer->zero_grad();
    const Tensor leaf = x.detach().clone(x.suggest_memory_format()).requires_grad_();
    y = layer(leaf);
    (y * torch::linspace(-1, 1, y.numel(), y.options()).view(y.sizes())).sum().backward();
    dx = leaf.grad();
    dweight = layer->weight.grad().clone();
    if (layer->bias.defined()) dbias = layer->bias.grad().clone();
    dstep = input->step.grad();
  }
};

template <class Layer>
void expect_same_gradients(const Layer& layer, const Tensor& x) {
  const Gradients<Layer> plain(layer, x, false), spared(layer, x, true);
  EXPECT_TRUE(torch::equal(spared.y, plain.y));
  EXPECT_TRUE(torch::equal(spared.dx, plain.dx));
  EXPECT_TRUE(torch::allclose(spared.dweight, plain.dweight, 1e-5, 1e-6));
  EXPECT_TRUE(torch::equal(spared.dstep, plain.dstep));
  EXPECT_EQ(spared.dbias.defined(), plain.dbias.defined());
  if (plain.dbias.defined()) {
    EXPECT_TRUE(torch::allclose(spared.dbias, plain.dbias, 1e-5, 1e-6));
  }
}

TEST(QuantizedOperators, KeepingTheInputChangesNoGradient) {
  torch::manual_seed(1);
  using torch::nn::Conv2dOptions;
  for (const auto& options :
       {Conv2dOptions(4, 6, 3).padding(1), Conv2dOptions(4, 6, {1, 3}).stride({2, 1}).bias(false),
        Conv2dOptions(4, 8, 3).groups(4).dilation(2).bias(false),
        Conv2dOptions(4, 6, 3).padding(1).padding_mode(torch::kReflect),
        Conv2dOptions(4, 6, 3).padding(torch::kSame)}) {
    const Tensor x = torch::randn({3, 4, 7, 6});
    expect_same_gradients(deneb::nn::Conv2d(options), x);
    expect_same_gradients(deneb::nn::Conv2d(options), x.contiguous(at::MemoryFormat::ChannelsLast));
  }
  for (const bool bias : {true, false}) {
    const auto options = torch::nn::LinearOptions(6, 5).bias(bias);
    expect_same_gradients(deneb::nn::Linear(options), torch::randn({7, 6}));
    expect_same_gradients(deneb::nn::Linear(options), torch::randn({2, 3, 6}));
  }
}

TEST(QuantizedOperators, OutputsMayBeWrittenOver) {
  for (const bool bias : {true, false}) {
    deneb::nn::Linear fc(torch::nn::LinearOptions(6, 5).bias(bias));
    fc->set_quantizers(nullptr, std::make_shared<Steps>(/*repeatable=*/true));
    for (const auto& shape : {std::vector<std::int64_t>{4, 6}, {2, 3, 6}, {2, 1, 2, 6}}) {
      const Tensor x = torch::randn(shape);
      fc->zero_grad();
      (fc(x) * 3).square().sum().backward();
      const Tensor expected = fc->weight.grad().clone();
      fc->zero_grad();
      fc(x).mul_(3).square().sum().backward();
      EXPECT_TRUE(torch::equal(fc->weight.grad(), expected));
    }
  }
}

TEST(QuantizedOperators, OnlyWantedGradientsAreMade) {
  deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(2, 3, 1));
  const auto input = std::make_shared<Steps>(true);
  conv->set_quantizers(nullptr, input);
  conv->weight.set_requires_grad(false);
  conv(torch::randn({2, 2, 3, 3})).sum().backward();
  EXPECT_TRUE(input->step.grad().defined());
  EXPECT_EQ(input->types.size(), 1u);  // nothing to quantize again for
  conv->weight.set_requires_grad(true);
  conv(torch::randn({2, 2, 3, 3})).sum().backward();
  EXPECT_TRUE(conv->weight.grad().defined());
  EXPECT_EQ(input->types.size(), 3u);
}

TEST(QuantizedOperators, ChangesBetweenThePassesAreRefused) {
  deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(2, 3, 1));
  const auto input = std::make_shared<Steps>(true);
  conv->set_quantizers(nullptr, input);
  const auto error_of = [&](const auto& change) -> std::string {
    const Tensor loss = conv(torch::randn({2, 2, 3, 3})).sum();
    change();
    try {
      loss.backward();
    } catch (const c10::Error& e) {
      return e.what_without_backtrace();
    }
    return "no error";
  };
  EXPECT_THAT(error_of([&] { input->set_format(deneb::Format::integer(2, true)); }),
              HasSubstr("changed from int4 to int2"));
  EXPECT_THAT(error_of([&] {
                torch::NoGradGuard no_grad;
                input->step.mul_(2);
              }),
              HasSubstr("modified by an inplace operation"));
  EXPECT_EQ(error_of([] {}), "no error");
  const Tensor x = torch::randn({2, 2, 3, 3}).requires_grad_();
  const Tensor loss = conv(x).square().sum();
  EXPECT_THROW(torch::autograd::grad({loss}, {x, conv->weight}, {}, {}, /*create_graph=*/true),
               c10::Error);
  // Also where no gradient of the weight is wanted.
  conv->weight.set_requires_grad(false);
  EXPECT_THROW(torch::autograd::grad({conv(x).square().sum()}, {x}, {}, {}, /*create_graph=*/true),
               c10::Error);
}

// Quantizers compute in float32, whatever precision the operators around them have.
TEST(QuantizedOperators, Bfloat16IsQuantizedInFloat32) {
  torch::manual_seed(2);
  deneb::nn::Linear fc(6, 5);
  const auto input = std::make_shared<Steps>(true);
  fc->set_quantizers(nullptr, input);
  fc->to(torch::kBFloat16);
  input->step.set_data(torch::full({}, 0.25));
  const Tensor x = torch::randn({7, 6}).to(torch::kBFloat16).requires_grad_();
  const Tensor y = fc(x);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), torch::kBFloat16);
  EXPECT_THAT(input->types, testing::Each(torch::kFloat32));
}

TEST(QuantizedOperators, EvaluationWritesOverAnInputThatNobodyElseHas) {
  /// Writes over what it is handed.
  class InPlace final : public deneb::Quantizer {
   public:
    void attach(const deneb::QuantizerSite&) override {}
    bool accepts(const deneb::Format&) const override { return true; }
    void set_format(const deneb::Format&) override {}
    deneb::Format format() const override { return deneb::Format::integer(4, true); }
    deneb::QuantizerTraits traits() const override { return {false, false, writes_over}; }
    Tensor quantize(const Tensor& x) override {
      overwritten = deneb::take_over(x);
      if (!overwritten) return x * 2;
      Tensor own = x;
      return own.mul_(2);
    }
    bool overwritten = false, writes_over = true;
  };
  deneb::nn::Linear fc(3, 2);
  const auto input = std::make_shared<InPlace>();
  fc->set_quantizers(nullptr, input);
  const Tensor kept = torch::randn({4, 3}), copy = kept.clone();
  Tensor expected;
  {
    torch::NoGradGuard no_grad;
    expected = at::linear(copy * 2, fc->weight, fc->bias);
    EXPECT_TRUE(torch::equal(fc(kept), expected));
    EXPECT_FALSE(input->overwritten);
    Tensor given = copy.clone();
    EXPECT_TRUE(torch::equal(fc(std::move(given)), expected));
    EXPECT_TRUE(input->overwritten);
    input->writes_over = false;  // as quantizers made of several others
    given = copy.clone();
    EXPECT_TRUE(torch::equal(fc(std::move(given)), expected));
    EXPECT_FALSE(input->overwritten);
    input->writes_over = true;
    // A view shares its memory, an observer wants to see the input, a gradient needs it.
    fc(kept.view({4, 3}));
    EXPECT_FALSE(input->overwritten);
    Tensor seen;
    auto observer = fc->observe([&](const deneb::LayerTap& tap) { seen = tap.input.clone(); });
    given = copy.clone();
    fc(std::move(given));
    EXPECT_FALSE(input->overwritten);
    EXPECT_TRUE(torch::equal(seen, copy));
    observer = {};
    given = copy.clone();
    fc(std::move(given));
    EXPECT_TRUE(input->overwritten);
  }
  Tensor given = copy.clone();
  fc(std::move(given));
  EXPECT_FALSE(input->overwritten);
  EXPECT_TRUE(torch::equal(kept, copy));
}

TEST(BufferHandover, GoesToTheVeryTensorAndOnce) {
  Tensor a = torch::ones({2}), b = torch::ones({2});
  EXPECT_FALSE(deneb::take_over(a));
  deneb::hand_over(a);
  EXPECT_FALSE(deneb::take_over(b));
  EXPECT_FALSE(deneb::take_over(a.detach()));
  EXPECT_FALSE(deneb::take_over(Tensor()));
  EXPECT_TRUE(deneb::take_over(a));
  EXPECT_FALSE(deneb::take_over(a));
  deneb::hand_over(a);
  deneb::hand_over(b);
  EXPECT_FALSE(deneb::take_over(a));
  deneb::hand_over({});
  EXPECT_FALSE(deneb::take_over(b));
  deneb::hand_over(a);
  a = Tensor();
  const Tensor next = torch::ones({2});  // may stand where the other one stood
  EXPECT_FALSE(deneb::take_over(next));
}

}  // namespace
}  // namespace nn_test
