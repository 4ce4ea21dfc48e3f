#include <deneb/search/search_space.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_search_context.h"

namespace deneb {
namespace {

using testing::chain_network;
using ::testing::HasSubstr;
using testing::open_space;

std::string error_of(const NetworkInfo& network, const SearchSpaceOptions& options) {
  try {
    SearchSpace space(network, options);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(SearchSpace, WeightGenesComeFirstThenActivations) {
  const SearchSpace space(chain_network(3), open_space({2, 8}));
  ASSERT_EQ(space.genes().size(), 6u);
  EXPECT_EQ(space.size(), 64);
  const BitPolicy policy = space.decode({0, 1, 0, 1, 1, 0});
  EXPECT_EQ(policy.text(), "w2a8 w8a8 w2a2");
  EXPECT_EQ(policy.find("layer0")->activation.text(), "int8");   // signed input
  EXPECT_EQ(policy.find("layer1")->activation.text(), "uint8");  // behind a ReLU
  EXPECT_EQ(policy.find("layer1")->weight.text(), "int8");
}

TEST(SearchSpace, EncodeInvertsDecodeForEveryGenome) {
  SearchSpaceOptions options = open_space({2, 4, 8});
  options.first_layer = "int8";
  const SearchSpace space(chain_network(3), options);
  ASSERT_EQ(space.genes().size(), 4u);
  for (int code = 0; code < 81; ++code) {
    const std::vector<int> genome = {code % 3, code / 3 % 3, code / 9 % 3, code / 27};
    EXPECT_EQ(space.encode(space.decode(genome)), genome);
  }
}

TEST(SearchSpace, PinsEndsAndOverrides) {
  SearchSpaceOptions options;
  options.bit_candidates = {4, 8};
  options.last_layer = "int8";
  options.overrides = {{"layer[2]", "int2", "int2"}};
  options.overrides[0].layer = "*2";
  const SearchSpace space(chain_network(5), options);
  EXPECT_EQ(space.genes().size(), 4u);  // layers 1 and 3
  const BitPolicy policy = space.decode({0, 0, 0, 0});
  EXPECT_EQ(policy.text(), "w32a32 w4a4 w2a2 w4a4 w8a8");
  EXPECT_TRUE(space.network().layers[0].pinned);
  EXPECT_FALSE(space.network().layers[1].pinned);
  EXPECT_TRUE(space.network().layers[2].pinned);
}

TEST(SearchSpace, TiesLayersThatReadOneTensor) {
  NetworkInfo network = chain_network(4);
  network.layers[2].input_group = network.layers[1].input_group;
  SearchSpaceOptions options = open_space({2, 8});
  options.tie_activations = true;
  const SearchSpace space(network, options);
  ASSERT_EQ(space.genes().size(), 7u);
  const BitPolicy policy = space.decode({0, 0, 0, 0, 0, 1, 0});
  EXPECT_EQ(policy.text(), "w2a2 w2a8 w2a8 w2a2");
}

TEST(SearchSpace, TiesWeightAndActivation) {
  SearchSpaceOptions options = open_space({2, 8});
  options.tie_weight_activation = true;
  const SearchSpace space(chain_network(2), options);
  ASSERT_EQ(space.genes().size(), 2u);
  EXPECT_EQ(space.decode({0, 1}).text(), "w2a2 w8a8");
  EXPECT_EQ(space.gene_pairs()[1], (std::pair<std::size_t, std::size_t>{1, 1}));
}

TEST(SearchSpace, MixesIntegersAndSmallFloats) {
  SearchSpaceOptions options = open_space({2});
  options.weight_candidates = {"int4", "e2m1"};
  options.activation_candidates = {"e4m3"};
  const SearchSpace space(chain_network(1), options);
  EXPECT_EQ(space.decode({1, 0}).find("layer0")->weight.text(), "e2m1");
  EXPECT_EQ(space.decode({0, 0}).find("layer0")->activation.text(), "e4m3");
}

TEST(SearchSpace, NarrowestAndWidestByBitsNotByOrder) {
  const SearchSpace space(chain_network(1), open_space({4, 2, 8}));
  EXPECT_EQ(space.decode(space.narrowest()).text(), "w2a2");
  EXPECT_EQ(space.decode(space.widest()).text(), "w8a8");
}

TEST(SearchSpace, ErrorsSayWhereAndWhatToDo) {
  SearchSpaceOptions options = open_space({4, 8});
  options.overrides = {{"layr1", "int8", "int8"}};
  EXPECT_THAT(error_of(chain_network(3), options),
              HasSubstr("overrides[0].layer: 'layr1' matches no layer of Chain; did you mean "
                        "'layer1'?"));
  options.overrides = {{"*", "int8", "int8"}};
  EXPECT_THAT(error_of(chain_network(3), options), HasSubstr("nothing is left to search"));
  options.overrides = {{"layer1", "int99", "int8"}};
  EXPECT_THAT(error_of(chain_network(3), options), HasSubstr("1 .. 16"));
  EXPECT_THAT(error_of(chain_network(3), open_space({4, 4})), HasSubstr("listed twice"));
  EXPECT_THAT(error_of(chain_network(3), open_space({})), HasSubstr("no candidates"));
  const SearchSpace space(chain_network(1), open_space({4, 8}));
  EXPECT_THROW(space.decode({0}), ConfigError);
  EXPECT_THROW(space.decode({0, 2}), ConfigError);
  EXPECT_THROW(space.encode(uniform_policy(chain_network(1), 3, 3)), ConfigError);
}

TEST(Glob, MatchesStarsAndQuestionMarks) {
  EXPECT_TRUE(glob_match("layer1.*", "layer1.0.conv1"));
  EXPECT_TRUE(glob_match("*.downsample.0", "layer2.0.downsample.0"));
  EXPECT_TRUE(glob_match("conv?", "conv1"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*b*c", "axxbyyc"));
  EXPECT_FALSE(glob_match("a*b*c", "axxbyy"));
  EXPECT_FALSE(glob_match("conv?", "conv12"));
  EXPECT_FALSE(glob_match("", "x"));
}

}  // namespace
}  // namespace deneb
