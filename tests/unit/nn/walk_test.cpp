#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "tiny_network.h"

namespace nn_test {
namespace {

using deneb::BitPolicy;
using deneb::Format;
using deneb::LayerInfo;
using deneb::NetworkInfo;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Walk, LayersInRegistrationOrder) {
  Tiny network;
  std::vector<std::string> names, ops;
  for (const auto& named : deneb::quant_layers(network)) {
    names.push_back(named.name);
    ops.push_back(named.layer->op());
  }
  EXPECT_THAT(names, ElementsAre("conv1", "block.shortcut", "block.depthwise", "fc"));
  EXPECT_THAT(ops, ElementsAre("conv2d", "conv2d", "conv2d", "linear"));
  // Quantizers are modules, but no layers.
  for (const auto& named : deneb::quant_layers(network)) {
    named.layer->set_quantizers(rounding(2), rounding(2));
  }
  EXPECT_EQ(deneb::quant_layers(network).size(), 4u);
}

TEST(Probe, FillsTheLayerFactsInForwardOrder) {
  Tiny network;
  const NetworkInfo info = deneb::probe(network, "Tiny");
  EXPECT_EQ(info.model, "Tiny");
  EXPECT_THAT(info.input_shape, ElementsAre(4, 6, 6));
  std::vector<std::string> names;
  for (const LayerInfo& layer : info.layers) names.push_back(layer.name);
  ASSERT_THAT(names, ElementsAre("conv1", "block.depthwise", "block.shortcut", "fc"));

  const LayerInfo& conv1 = info.layers[0];
  EXPECT_EQ(conv1.op, "conv2d");
  EXPECT_EQ(conv1.macs, 3 * 3 * 8 * 4 * 9);  // 3x3 outputs, 8 channels, 4 x 3x3 weights each
  EXPECT_EQ(conv1.weights, 8 * 4 * 9);
  EXPECT_EQ(conv1.groups, 1);
  EXPECT_THAT(conv1.weight_shape, ElementsAre(8, 4, 3, 3));
  EXPECT_THAT(conv1.input_shape, ElementsAre(4, 6, 6));
  EXPECT_THAT(conv1.output_shape, ElementsAre(8, 3, 3));
  EXPECT_TRUE(conv1.signed_input);
  EXPECT_FALSE(conv1.pinned);

  const LayerInfo& depthwise = info.layers[1];
  EXPECT_EQ(depthwise.groups, 8);
  EXPECT_EQ(depthwise.macs, 3 * 3 * 8 * 9);
  EXPECT_EQ(depthwise.weights, 8 * 9);
  EXPECT_THAT(depthwise.weight_shape, ElementsAre(8, 1, 3, 3));
  EXPECT_FALSE(depthwise.signed_input);  // behind a ReLU

  EXPECT_EQ(info.layers[2].macs, 3 * 3 * 8 * 8);
  EXPECT_EQ(info.layers[3].op, "linear");
  EXPECT_EQ(info.layers[3].macs, 8 * 5);
  EXPECT_THAT(info.layers[3].input_shape, ElementsAre(8));
  EXPECT_TRUE(info.layers[3].signed_input);

  // The two branches read one tensor; nothing else does.
  EXPECT_EQ(info.layers[1].input_group, info.layers[2].input_group);
  EXPECT_NE(info.layers[0].input_group, info.layers[1].input_group);
  EXPECT_NE(info.layers[3].input_group, info.layers[1].input_group);
  EXPECT_NE(info.layers[3].input_group, info.layers[0].input_group);

  EXPECT_EQ(info.batch_norm_elements, 8 * 3 * 3);
  EXPECT_EQ(info.pooling_ops, 8 * (3 * 3 + 1));
  EXPECT_EQ(info.other_parameters, 16 + 8 + 5);  // batch norm, two biases
  ASSERT_NE(info.find("fc"), nullptr);
  EXPECT_EQ(info.find("fc"), &info.layers[3]);
  EXPECT_EQ(info.find("conv"), nullptr);
}

TEST(Probe, ANetworkMayKnowThatALayerReadsNegativeValues) {
  Tiny net;
  EXPECT_FALSE(probe(net, "Tiny").find("block.depthwise")->signed_input);
  net.depthwise->declare_signed_input();
  const NetworkInfo info = probe(net, "Tiny");
  EXPECT_TRUE(info.find("block.depthwise")->signed_input);
  EXPECT_FALSE(info.find("block.shortcut")->signed_input);
}

TEST(Probe, LeavesTheNetworkAsItWas) {
  Tiny network;
  network.train();
  network.bn1->eval();  // frozen statistics
  const auto weight = rounding(2), input = rounding(3);
  network.conv1->set_quantizers(weight, input);
  const auto before = copy_of(network);
  torch::manual_seed(5);
  const Tensor expected = torch::randn({3});
  torch::manual_seed(5);
  const NetworkInfo info = deneb::probe(network, "Tiny");
  EXPECT_TRUE(torch::equal(torch::randn({3}), expected));
  EXPECT_TRUE(same_state(copy_of(network), before));
  EXPECT_TRUE(network.is_training());
  EXPECT_TRUE(network.conv1->is_training());
  EXPECT_FALSE(network.bn1->is_training());
  EXPECT_TRUE(weight->is_training());
  EXPECT_EQ(network.conv1->weight_quantizer(), weight);
  EXPECT_EQ(network.conv1->input_quantizer(), input);
  EXPECT_EQ(weight->used + input->used, 0);
  for (const auto& p : network.parameters()) EXPECT_FALSE(p.grad().defined());
  // The facts are those of the float network, quantizer parameters not counted.
  EXPECT_EQ(info.other_parameters, 16 + 8 + 5);

  network.eval();
  deneb::probe(network, "Tiny");
  EXPECT_FALSE(network.is_training());
}

TEST(Probe, ValuesOfWeightsDoNotMatter) {
  Tiny network;
  const NetworkInfo expected = deneb::probe(network, "Tiny");
  torch::NoGradGuard no_grad;
  for (const auto& named : deneb::quant_layers(network)) {
    named.layer->float_weight().fill_(std::nan(""));
  }
  const NetworkInfo info = deneb::probe(network, "Tiny");
  ASSERT_EQ(info.layers.size(), expected.layers.size());
  for (std::size_t i = 0; i < info.layers.size(); ++i) {
    EXPECT_EQ(info.layers[i].output_shape, expected.layers[i].output_shape);
    EXPECT_EQ(info.layers[i].signed_input, expected.layers[i].signed_input);
  }
}

/// Layers that read a tensor, a part of it that begins where it does, another view of the whole,
/// and the tensor after a write.
class Readers final : public deneb::Network {
 public:
  Readers() {
    for (const char* name : {"whole", "part", "again", "written"}) {
      layers_.push_back(register_module(name, deneb::nn::Linear(4, 4)));
    }
  }
  Tensor forward(Tensor input) override {
    Tensor x = input * 2;
    const Tensor a = layers_[0](x), b = layers_[1](x.select(1, 0)), c = layers_[2](x.flatten(0, 1));
    return a.sum(1) + b + c.view_as(x).sum(1) + layers_[3](x.relu_()).sum(1);
  }
  std::vector<std::int64_t> input_shape() const override { return {3, 4}; }
  std::int64_t num_classes() const override { return 4; }

 private:
  std::vector<deneb::nn::Linear> layers_;
};

/// Layers that all read four values a row, of one memory that holds [2, 2, 8] after the input.
class Views final : public deneb::Network {
 public:
  static std::vector<std::string> names() {
    return {"half",    "half_again", "transposed", "reshaped", "other_half", "even",
            "halfway", "first_row",  "expanded",   "copy",     "raw_write",  "scaled"};
  }
  Views() {
    for (const std::string& name : names()) {
      layers_.push_back(register_module(name, deneb::nn::Linear(4, 4)));
    }
  }
  Tensor forward(Tensor input) override {
    const Tensor x = (input * 2).reshape({2, 2, 8});
    const Tensor half = x.slice(2, 0, 4);  // the q part of a fused product
    std::vector<Tensor> views = {half,
                                 x.chunk(2, 2)[0],
                                 half.transpose(0, 1),
                                 half.reshape({4, 4}),
                                 x.slice(2, 4, 8),
                                 x.slice(2, 0, 8, 2),
                                 x.view({4, 8}).slice(0, 0, 2).view({4, 4}),
                                 x.select(1, 0).slice(1, 0, 4),
                                 half.unsqueeze(0).expand({3, 2, 2, 4}),
                                 half.contiguous()};
    Tensor sum = torch::zeros({4});
    for (std::size_t i = 0; i < views.size(); ++i) {
      sum = sum + layers_[i](views[i]).reshape({-1, 4}).sum(0);
    }
    *x.data_ptr<float>() = 1000;  // as a kernel of one's own writes
    sum = sum + layers_[10](half).reshape({-1, 4}).sum(0);
    half.mul_(0.5);
    return (sum + layers_[11](half).reshape({-1, 4}).sum(0)).unsqueeze(0);
  }
  std::vector<std::int64_t> input_shape() const override { return {32}; }
  std::int64_t num_classes() const override { return 4; }

 private:
  std::vector<deneb::nn::Linear> layers_;
};

TEST(Probe, InputGroupsAreElementsWhateverTheView) {
  Views network;
  const auto info = deneb::probe(network, "Views");
  const int half = info.find("half")->input_group;
  const std::set<std::string> same = {"half", "half_again", "transposed", "reshaped", "expanded"};
  std::set<int> others;
  for (const std::string& name : Views::names()) {
    const int group = info.find(name)->input_group;
    EXPECT_EQ(group == half, same.count(name) == 1) << name;
    EXPECT_TRUE(group == half || others.insert(group).second) << name;
  }
}

TEST(Probe, InputGroupsAreTensors) {
  Readers network;
  const auto layers = deneb::probe(network, "Readers").layers;
  EXPECT_EQ(layers[0].input_group, layers[2].input_group);
  EXPECT_NE(layers[0].input_group, layers[1].input_group);
  EXPECT_NE(layers[0].input_group, layers[3].input_group);
  EXPECT_TRUE(layers[0].signed_input);
  EXPECT_FALSE(layers[3].signed_input);
  // Every token of a sample.
  EXPECT_EQ(layers[0].macs, 3 * 16);
  EXPECT_EQ(layers[1].macs, 16);
}

class Broken final : public deneb::Network {
 public:
  enum class Fault { kNone, kShape, kUnused, kTwice, kThrows };
  explicit Broken(Fault fault) : fault_(fault) {
    a_ = register_module("a", deneb::nn::Linear(4, 4));
    b_ = register_module("b", deneb::nn::Linear(4, 4));
  }
  Tensor forward(Tensor x) override {
    if (fault_ == Fault::kThrows) throw std::runtime_error("of its own");
    x = a_(x);
    if (fault_ == Fault::kTwice) x = b_(x);
    return fault_ == Fault::kUnused ? x : b_(x);
  }
  std::vector<std::int64_t> input_shape() const override {
    return {fault_ == Fault::kShape ? 5 : 4};
  }
  std::int64_t num_classes() const override { return 4; }

 private:
  Fault fault_;
  deneb::nn::Linear a_{nullptr}, b_{nullptr};
};

TEST(Probe, Errors) {
  const auto text = [](Broken::Fault fault) -> std::string {
    Broken network(fault);
    try {
      deneb::probe(network, "Broken");
    } catch (const deneb::ConfigError& e) {
      EXPECT_TRUE(network.is_training());
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(text(Broken::Fault::kNone), "");
  EXPECT_THAT(text(Broken::Fault::kShape), HasSubstr("network Broken: cannot take its own input"));
  EXPECT_THAT(text(Broken::Fault::kUnused), HasSubstr("layer 'b' is used 0 times"));
  EXPECT_THAT(text(Broken::Fault::kTwice), HasSubstr("layer 'b' is used 2 times"));
  Broken network(Broken::Fault::kThrows);
  const auto quantizer = rounding(2);
  deneb::quant_layers(network)[0].layer->set_quantizers(quantizer, nullptr);
  EXPECT_THROW(deneb::probe(network, "Broken"), std::runtime_error);
  EXPECT_TRUE(network.is_training());
  EXPECT_EQ(deneb::quant_layers(network)[0].layer->weight_quantizer(), quantizer);
}

/// A chain of two units, which tests change.
class Chained final : public deneb::Network {
 public:
  Chained() {
    a = register_module("a", deneb::nn::Linear(4, 6));
    b = register_module("b", deneb::nn::Linear(6, 6));
    c = register_module("c", deneb::nn::Linear(6, 4));
    units = {{"first", {"a", "b"}, [this](const Tensor& x, const auto&) { return b(a(x)); }},
             {"last", {"c"}, [this](const Tensor& x, const auto&) { return c(x); }}};
  }
  Tensor forward(Tensor x) override { return c(b(a(x))); }
  std::vector<deneb::Block> blocks() override { return units; }
  std::vector<std::int64_t> input_shape() const override { return {4}; }
  std::int64_t num_classes() const override { return 4; }

  deneb::nn::Linear a{nullptr}, b{nullptr}, c{nullptr};
  std::vector<deneb::Block> units;
};

TEST(Probe, NamesTheUnitOfEveryLayer) {
  Chained network;
  std::vector<std::string> units;
  for (const LayerInfo& layer : deneb::probe(network, "Chained").layers) {
    units.push_back(layer.block);
  }
  EXPECT_THAT(units, ElementsAre("first", "first", "last"));
  Tiny without;
  EXPECT_TRUE(without.blocks().empty());
  for (const LayerInfo& layer : deneb::probe(without, "Tiny").layers) EXPECT_EQ(layer.block, "");
}

TEST(Probe, FaultyUnitsAreRefused) {
  const auto text = [](const std::function<void(std::vector<deneb::Block>&)>& change) {
    Chained network;
    change(network.units);
    try {
      deneb::probe(network, "Chained");
    } catch (const deneb::PluginError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(text([](auto&) {}), "");
  EXPECT_THAT(text([](auto& u) { u[1].name = "first"; }),
              HasSubstr("network Chained: blocks(): two units are named 'first'"));
  EXPECT_THAT(text([](auto& u) { u[0].name = ""; }), HasSubstr("no name"));
  EXPECT_THAT(text([](auto& u) { u[1].forward = nullptr; }),
              HasSubstr("unit 'last' has no function"));
  EXPECT_THAT(text([](auto& u) { u[1].layers = {"d"}; }),
              HasSubstr("unit 'last' lists 'd', which is no quantizable layer"));
  EXPECT_THAT(text([](auto& u) {
                u[1].layers = {"b", "c"};
              }),
              HasSubstr("layer 'b' is listed by unit 'first' and by unit 'last'"));
  EXPECT_THAT(text([](auto& u) {
                u[0].layers = {"a", "a", "b"};
              }),
              HasSubstr("layer 'a' is listed by unit 'first' and by unit 'first'"));
  EXPECT_THAT(text([](auto& u) {
                u[0].layers = {"b", "a"};
              }),
              HasSubstr("unit 'first' lists 'a' behind 'b', which runs later"));
  EXPECT_THAT(text([](auto& u) { u[0].layers = {"b"}; }), HasSubstr("no unit lists layer 'a'"));
}

class ApplyPolicy : public testing::Test {
 protected:
  deneb::QuantizerFactory factory() {
    return [this](const Format& format) {
      made.push_back(std::make_shared<Rounding>());
      made.back()->most_bits = format.bits < 10 ? 9 : 32;
      wanted.push_back(format.text());
      return made.back();
    };
  }
  void apply(const BitPolicy& policy) {
    deneb::apply_policy(network, policy, factory(), factory());
  }
  static deneb::LayerChoice choice(const char* weight, const char* activation) {
    return {Format::parse(weight), Format::parse(activation)};
  }

  Tiny network;
  std::vector<std::shared_ptr<Rounding>> made;
  std::vector<std::string> wanted;  // formats that the factories were asked for
};

TEST_F(ApplyPolicy, PutsQuantizersIn) {
  BitPolicy policy;
  policy.set("conv1", choice("int4", "float32"));
  policy.set("fc", choice("int3", "uint5"));
  apply(policy);
  ASSERT_EQ(made.size(), 3u);
  const auto weight = std::dynamic_pointer_cast<Rounding>(network.fc->weight_quantizer());
  const auto input = std::dynamic_pointer_cast<Rounding>(network.fc->input_quantizer());
  ASSERT_TRUE(weight && input);
  EXPECT_EQ(weight->format().text(), "int3");
  EXPECT_EQ(input->format().text(), "uint5");
  EXPECT_EQ(weight->site.layer, "fc");
  EXPECT_EQ(weight->site.role, deneb::QuantizerSite::Role::kWeight);
  EXPECT_EQ(input->site.role, deneb::QuantizerSite::Role::kActivation);
  EXPECT_TRUE(weight->site.weight.is_same(network.fc->weight));
  EXPECT_TRUE(input->site.weight.is_same(network.fc->weight));
  EXPECT_EQ(input->attached, 1);
  ASSERT_TRUE(network.conv1->weight_quantizer());
  EXPECT_FALSE(network.conv1->input_quantizer());       // float32
  EXPECT_FALSE(network.depthwise->weight_quantizer());  // not listed
}

TEST_F(ApplyPolicy, KeepsQuantizersThatStayAndTheirState) {
  BitPolicy policy;
  policy.set("conv1", choice("int4", "uint4"));
  policy.set("fc", choice("int4", "uint4"));
  apply(policy);
  const auto kept = std::dynamic_pointer_cast<Rounding>(network.conv1->weight_quantizer());
  {
    torch::NoGradGuard no_grad;
    kept->step.fill_(0.125);
  }
  BitPolicy next;
  next.set("conv1", choice("int4", "uint2"));
  apply(next);
  EXPECT_EQ(made.size(), 4u);  // none made anew
  EXPECT_EQ(network.conv1->weight_quantizer(), kept);
  EXPECT_EQ(kept->step.item<float>(), 0.125f);
  EXPECT_EQ(kept->attached, 1);
  EXPECT_EQ(kept->formatted, 1);  // same width: not told again
  const auto input = std::dynamic_pointer_cast<Rounding>(network.conv1->input_quantizer());
  EXPECT_EQ(input->format().text(), "uint2");
  EXPECT_EQ(input->formatted, 2);
  EXPECT_FALSE(network.fc->weight_quantizer());
  EXPECT_FALSE(network.fc->input_quantizer());
  apply({});
  for (const auto& p : network.named_parameters()) {
    EXPECT_EQ(p.key().find("quantizer"), std::string::npos) << p.key();
  }
}

TEST_F(ApplyPolicy, AFormatThatAQuantizerDoesNotAcceptGetsANewOne) {
  BitPolicy policy;
  policy.set("conv1", choice("int4", "uint4"));
  apply(policy);
  const auto narrow = network.conv1->weight_quantizer(), input = network.conv1->input_quantizer();
  policy.set("conv1", choice("int16", "uint9"));
  apply(policy);
  EXPECT_THAT(wanted, testing::ElementsAre("int4", "uint4", "int16"));
  const auto wide = std::dynamic_pointer_cast<Rounding>(network.conv1->weight_quantizer());
  ASSERT_TRUE(wide);
  EXPECT_NE(wide, narrow);
  EXPECT_EQ(wide->attached, 1);
  EXPECT_EQ(wide->site.layer, "conv1");
  EXPECT_EQ(wide->format().text(), "int16");
  EXPECT_EQ(network.conv1->input_quantizer(), input);
  // The old one is gone from the network with its state.
  const auto parameters = network.named_parameters();
  ASSERT_TRUE(parameters.find("conv1.weight_quantizer.step"));
  EXPECT_TRUE(parameters["conv1.weight_quantizer.step"].is_same(wide->step));
  policy.set("conv1", choice("int2", "uint9"));
  apply(policy);  // the wide one accepts it
  EXPECT_EQ(network.conv1->weight_quantizer(), wide);
}

TEST_F(ApplyPolicy, UnknownLayersAreRefusedBeforeAnyChange) {
  BitPolicy policy;
  policy.set("conv1", choice("int4", "uint4"));
  policy.set("block.depthwize", choice("int4", "uint4"));
  try {
    apply(policy);
    FAIL() << "accepted";
  } catch (const deneb::ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("no layer 'block.depthwize'"));
    EXPECT_THAT(e.what(), HasSubstr("did you mean 'block.depthwise'?"));
  }
  EXPECT_TRUE(made.empty());
  EXPECT_FALSE(network.conv1->weight_quantizer());
}

}  // namespace
}  // namespace nn_test
