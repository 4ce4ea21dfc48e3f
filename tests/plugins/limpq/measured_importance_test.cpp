// Importance without training: probes of single layers, and indicators as the price of a policy.
#include <gmock/gmock.h>

#include "importance_cost.h"
#include "layer_probe.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

namespace limpq_test {
namespace {

using namespace deneb;
using namespace deneb::limpq;

using ::testing::HasSubstr;

const std::vector<int> kWidths = {6, 4, 2};

SearchSpaceOptions first_pinned() {
  SearchSpaceOptions options = deneb::testing::open_space(kWidths);
  options.first_layer = "int8";
  return options;
}

TEST(LayerProbe, IndicatorIsTheDamageOfOneTensor) {
  deneb::testing::FakeSearchContext context(deneb::testing::chain_network(4), first_pinned(), 1);
  const Indicators indicators = probe_indicators(context, kWidths);
  EXPECT_EQ(context.trials, 1 + 3 * 2 * 3);
  EXPECT_EQ(context.calls, 1);  // workers share all of them
  ASSERT_EQ(indicators.layers.size(), 3u);
  EXPECT_EQ(indicators.layers[0].name, "layer1");
  for (std::size_t i = 0; i < 3; ++i) {
    const double sensitivity = context.sensitivity(i + 1);
    const auto& layer = indicators.layers[i];
    for (const int width : kWidths) {
      // The other tensor of the layer counts as 2^-32.
      EXPECT_NEAR(layer.weight.at(width), sensitivity * std::pow(2.0, -width), 1e-9);
      EXPECT_NEAR(layer.activation.at(width), sensitivity * std::pow(2.0, -width), 1e-9);
    }
  }
}

// Fewer bits that happen to help on these samples help nobody else.
class NoisyContext final : public deneb::testing::FakeSearchContext {
 public:
  NoisyContext() : FakeSearchContext(deneb::testing::chain_network(2), first_pinned(), 1) {}
  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) override {
    auto results = FakeSearchContext::evaluate(requests);
    EXPECT_EQ(results.size(), 7u);  // float, then weight and input at 6, 4, 2
    results[0].metrics["accuracy"] = 0.9;
    const std::vector<double> accuracies = {0.91, 0.85, 0.88, 0.9, 0.9, 0.8};
    for (std::size_t i = 0; i < 6; ++i) results[i + 1].metrics["accuracy"] = accuracies[i];
    return results;
  }
};

TEST(LayerProbe, FewerBitsAreNeverBetter) {
  NoisyContext context;
  const Indicators indicators = probe_indicators(context, kWidths);
  const auto& layer = indicators.layers.at(0);
  EXPECT_NEAR(layer.weight.at(6), 1e-6, 1e-12);
  EXPECT_NEAR(layer.weight.at(4), 0.05, 1e-12);
  EXPECT_NEAR(layer.weight.at(2), 0.05, 1e-12);
  EXPECT_NEAR(layer.activation.at(4), 1e-6, 1e-12);
  EXPECT_NEAR(layer.activation.at(2), 0.1, 1e-12);
}

TEST(LayerProbe, AFailedProbeEndsTheSearch) {
  deneb::testing::FakeSearchContext context(deneb::testing::chain_network(3), first_pinned(), 1);
  context.fails = [](std::int64_t id) { return id == 3; };
  try {
    probe_indicators(context, kWidths);
    FAIL();
  } catch (const RunError& e) {
    EXPECT_THAT(e.what(), HasSubstr("the probe of layer1 at width 4 failed"));
  }
}

TEST(ImportanceCost, IsTheSumOfWhatIsQuantized) {
  const ScratchFolder folder;
  const std::string path = folder / "indicators.json";
  const NetworkInfo network = deneb::testing::chain_network(3);
  ImportanceCostOptions options;
  options.indicators = path;
  options.alpha = 3;
  BitPolicy policy;
  policy.set("layer0", {Format::integer(8, true), Format::integer(8, true)});  // not in the file
  policy.set("layer1", {Format::integer(2, true), Format::integer(6, false)});
  policy.set("layer2", {Format::integer(6, true), Format()});
  {
    const ImportanceCost missing(options);  // an earlier step may make it
    EXPECT_THROW(missing.total(network, policy), DataError);
  }
  Indicators indicators;
  indicators.bits = {6, 2};
  indicators.layers = {{"layer1", {{6, .1}, {2, .7}}, {{6, .01}, {2, .02}}},
                       {"layer2", {{6, .2}, {2, .9}}, {{6, .03}, {2, .04}}}};
  write_indicators(path, indicators);
  const ImportanceCost cost(options);
  EXPECT_NEAR(cost.total(network, policy), 3 * .7 + .01 + 3 * .2, 1e-12);
  EXPECT_EQ(cost.total(network, BitPolicy()), 0);
  policy.set("layer2", {Format::integer(4, true), Format()});
  try {
    cost.total(network, policy);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("has no indicator of layer2 for int4"));
  }
}

}  // namespace
}  // namespace limpq_test
