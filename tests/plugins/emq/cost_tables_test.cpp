#include <gtest/gtest.h>

#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>

#include "plugins/plugin_registry.h"

namespace deneb::emq {
namespace {

using Widths = std::vector<int>;

const Registry& zoo() {
  static const auto loaded = plugin_test::load({"resnet", "standard_costs"});
  return *loaded;
}

const NetworkInfo& resnet18() {
  static const NetworkInfo info =
      probe(*plugin_test::make<Network>(zoo(), "ResNet", {{"depth", 18}}), "ResNet");
  return info;
}

double cost(const std::string& name, const BitPolicy& policy) {
  const auto model = plugin_test::make<CostModel>(zoo(), name, {{"counting", "emq"}});
  return model->total(resnet18(), policy);
}
double megabytes(const BitPolicy& policy) { return cost("size", policy) / 8 / (1 << 20); }

// 18 widths: first convolution, 16 of the blocks, classifier. A shortcut has the width of the
// second convolution of its block.
BitPolicy policy_of(const Widths& weights, const Widths& activations) {
  BitPolicy policy;
  std::size_t next = 0;
  for (const LayerInfo& layer : resnet18().layers) {
    const bool shortcut = layer.name.find("downsample") != std::string::npos;
    if (!shortcut) ++next;
    policy.set(layer.name, {Format::integer(weights[next - 1], true),
                            Format::integer(activations[next - 1], false)});
  }
  EXPECT_EQ(next, 18u);
  return policy;
}
BitPolicy policy_of(const Widths& weights, int activation = 5) {
  return policy_of(weights, Widths(18, activation));
}

TEST(CostTables, ShortcutsFollowTheSecondConvolution) {
  Widths widths(18, 4);
  widths[6] = 2;
  const BitPolicy policy = policy_of(widths);
  EXPECT_EQ(policy.find("layer2.0.conv2")->weight.bits, 2);
  EXPECT_EQ(policy.find("layer2.0.downsample.0")->weight.bits, 2);
  EXPECT_EQ(policy.find("layer2.0.conv1")->weight.bits, 4);
}

TEST(CostTables, EntriesOfResNet18) {
  const std::vector<double> parameters = {9536,   36992,   36992,   36992,   36992,   73984,
                                          156160, 147712,  147712,  295424,  623616,  590336,
                                          590336, 1180672, 2492416, 2360320, 2360320, 513000};
  const std::vector<double> operations = {122028032, 116609024, 116609024, 116609024, 116609024,
                                          58304512,  123031552, 116107264, 116107264, 58053632,
                                          122529792, 115856384, 115856384, 57928192,  122278912,
                                          115730944, 115730944, 1025000};
  // What one bit more in one entry adds.
  const BitPolicy base = policy_of(Widths(18, 3), 1);
  for (std::size_t i = 0; i < 18; ++i) {
    Widths widths(18, 3);
    widths[i] = 4;
    const BitPolicy wider = policy_of(widths, 1);
    EXPECT_EQ(cost("size", wider) - cost("size", base), parameters[i]) << i;
    EXPECT_EQ(cost("bitops", wider) - cost("bitops", base), operations[i]) << i;
  }
}

TEST(CostTables, PublishedPolicies) {
  struct Row {
    Widths widths;
    double megabytes, giga;
  };
  Widths ompq55(18, 4);
  ompq55[10] = 3;  // the eleventh
  const std::vector<Row> rows = {
      {Widths(18, 4), 5.57399, 36.5401},
      {Widths(18, 3), 4.18050, 27.4051},
      {Widths(18, 2), 2.78700, 18.2700},
      {{4, 3, 3, 4, 4, 4, 4, 4, 4, 4, 2, 3, 4, 4, 3, 3, 3, 4}, 4.48626, 31.8007},
      {{4, 3, 3, 4, 4, 4, 4, 4, 4, 4, 3, 3, 4, 4, 3, 3, 3, 3}, 4.49944, 32.4082},
      {ompq55, 5.49965, 35.9274},
      {{4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 4, 2, 2, 3, 3, 4}, 3.93798, 31.5180}};
  for (const Row& row : rows) {
    const BitPolicy policy = policy_of(row.widths);
    EXPECT_NEAR(megabytes(policy), row.megabytes, 5e-6);
    EXPECT_NEAR(cost("bitops", policy) / 1e9, row.giga, 5e-5);
  }
}

// Policies by name: convolutions of the blocks in order, then shortcuts; the ends have 8 bits.
BitPolicy by_slots(const std::vector<std::pair<std::string, Widths>>& blocks) {
  BitPolicy policy = policy_of(Widths(18, 8), 8);
  for (const auto& [name, widths] : blocks) {
    const char* slots[] = {"conv1", "conv2", "downsample.0"};
    for (std::size_t i = 0; i < widths.size(); ++i) {
      policy.set(name + "." + slots[i],
                 {Format::integer(widths[i], true), Format::integer(8, false)});
    }
  }
  return policy;
}

TEST(CostTables, SizesOfQatPolicies) {
  EXPECT_NEAR(megabytes(by_slots({{"layer1.0", {8, 8}},
                                  {"layer1.1", {8, 8}},
                                  {"layer2.0", {7, 8, 8}},
                                  {"layer2.1", {8, 8}},
                                  {"layer3.0", {8, 4, 4}},
                                  {"layer3.1", {6, 8}},
                                  {"layer4.0", {4, 4, 4}},
                                  {"layer4.1", {4, 4}}})),
              6.6986, 5e-5);
  // Shipped as one of 6.69 MB: its widths had been poured into slots that they were not meant for.
  EXPECT_NEAR(megabytes(by_slots({{"layer1.0", {8, 8}},
                                  {"layer1.1", {8, 7}},
                                  {"layer2.0", {8, 8, 8}},
                                  {"layer2.1", {8, 8}},
                                  {"layer3.0", {4, 8, 6}},
                                  {"layer3.1", {4, 4}},
                                  {"layer4.0", {4, 4, 8}},
                                  {"layer4.1", {8, 8}}})),
              8.7433, 5e-5);
  EXPECT_NEAR(megabytes(policy_of({8, 6, 8, 8, 7, 8, 8, 8, 8, 8, 4, 8, 6, 4, 4, 4, 4, 8}, 8)),
              6.6942, 5e-5);
  EXPECT_NEAR(cost("bitops", policy_of({8, 8, 6, 8, 8, 7, 8, 8, 8, 8, 8, 4, 8, 6, 4, 4, 4, 8}, 8)) /
                  double(1 << 30),
              91.87, 5e-3);
}

}  // namespace
}  // namespace deneb::emq
