#include <deneb/search/search_space.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_search_context.h"

namespace deneb {
namespace {

using testing::chain_network;
using ::testing::ElementsAre;
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

// "0:w0a2 1:w1": layer, weight gene, activation gene.
std::string genes_text(const SearchSpace& space) {
  std::string text;
  for (const LayerGenes& genes : space.layer_genes()) {
    text += (text.empty() ? "" : " ") + std::to_string(genes.layer) + ":";
    if (genes.weight) text += "w" + std::to_string(*genes.weight);
    if (genes.activation) text += "a" + std::to_string(*genes.activation);
  }
  return text;
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
  EXPECT_EQ(genes_text(space), "0:w0a0 1:w1a1");
}

// One candidate fixes a tensor, several replace those of the space, "search" takes them.
TEST(SearchSpace, OverridesGiveLayersCandidatesOfTheirOwn) {
  SearchSpaceOptions options = open_space({2, 4, 8});
  options.last_layer = "int8";
  options.overrides = {{"layer0", {"int4", "int8"}, "uint8"},
                       {"layer1", "float32", "search"},
                       {"layer2", {"e2m1", "int4"}, {"int4"}},
                       {"layer3", "search", "search"},
                       {"layer4", "int4", "int4"}};
  const SearchSpace space(chain_network(6), options);
  EXPECT_EQ(genes_text(space), "0:w0 1:a3 2:w1 3:w2a4");
  std::vector<std::string> candidates;
  for (const Gene& gene : space.genes()) {
    std::string text;
    for (const Format& format : gene.candidates) text += format.text() + " ";
    candidates.push_back(text);
  }
  EXPECT_THAT(candidates, ElementsAre("int4 int8 ", "e2m1 int4 ", "int2 int4 int8 ",
                                      "int2 int4 int8 ", "int2 int4 int8 "));
  const BitPolicy policy = space.decode({1, 0, 2, 0, 1});
  EXPECT_EQ(policy.text(), "w8a8 w32a2 we2m1a4 w8a4 w4a4 w8a8");
  EXPECT_EQ(policy.find("layer0")->activation.text(), "int8");  // signed input
  EXPECT_EQ(policy.find("layer2")->activation.text(), "uint4");
  EXPECT_EQ(space.encode(policy), (std::vector<int>{1, 0, 2, 0, 1}));
  std::vector<bool> pinned;
  for (const LayerInfo& layer : space.network().layers) pinned.push_back(layer.pinned);
  EXPECT_EQ(pinned, (std::vector<bool>{false, false, false, false, true, true}));
  EXPECT_EQ(space.decode(space.narrowest()).text(), "w4a8 w32a2 we2m1a4 w2a2 w4a4 w8a8");
  EXPECT_EQ(space.decode(space.widest()).text(), "w8a8 w32a8 we2m1a4 w8a8 w4a4 w8a8");
  ASSERT_EQ(space.uniform().size(), 3u);
  EXPECT_EQ(space.decode(space.uniform()[2]).text(), "w8a8 w32a8 w4a4 w8a8 w4a4 w8a8");
  // Only what is searched gets other widths.
  EXPECT_EQ(space.at_widths(3, 5).text(), "w3a8 w32a5 w3a4 w3a5 w4a4 w8a8");
  EXPECT_EQ(space.at_widths(32, 5).text(), "w32a8 w32a5 w32a4 w32a5 w4a4 w8a8");
  BitPolicy outside = policy;
  outside.set("layer1", {Format::parse("int8"), Format::parse("uint2")});
  EXPECT_THROW(space.encode(outside), ConfigError);  // its weight is fixed
}

TEST(SearchSpace, AGroupSharesOneDecision) {
  SearchSpaceOptions options = open_space({2, 4, 8});
  options.last_layer = "int8";
  options.groups = {{{"layer0", "layer3"}}, {{"layer2", "layer5"}}};
  options.overrides = {{"layer3", {"int8", "int4"}, "search"}};
  const SearchSpace space(chain_network(6), options);
  // Layers 1 and 4 are alone, the last one is pinned and left out of its group.
  EXPECT_EQ(genes_text(space), "0:w0a4 1:w1a5 2:w2a6 3:w0a4 4:w3a7");
  EXPECT_THAT(space.genes()[0].layers, ElementsAre(0u, 3u));
  ASSERT_EQ(space.genes()[0].candidates.size(), 2u);  // what both allow, in the first one's order
  EXPECT_EQ(space.genes()[0].candidates[0].text(), "int4");
  const std::vector<int> genome = {1, 0, 0, 0, 2, 0, 0, 0};
  const BitPolicy policy = space.decode(genome);
  EXPECT_EQ(policy.text(), "w8a8 w2a2 w2a2 w8a8 w2a2 w8a8");
  EXPECT_EQ(policy.find("layer3")->activation.text(), "uint8");
  EXPECT_EQ(space.encode(policy), genome);
  BitPolicy torn = policy;
  torn.set("layer3", {Format::parse("int4"), Format::parse("uint8")});
  EXPECT_THROW(space.encode(torn), ConfigError);
}

TEST(SearchSpace, GroupsAndTiesGoTogether) {
  NetworkInfo network = chain_network(5);
  network.layers[3].input_group = network.layers[2].input_group;
  SearchSpaceOptions options = open_space({2, 8});
  options.groups = {{{"layer0", "layer2"}}};
  options.tie_activations = true;
  // Layer 3 reads what layer 2 reads, and so joins the activation of that group.
  EXPECT_EQ(genes_text(SearchSpace(network, options)), "0:w0a4 1:w1a5 2:w0a4 3:w2a4 4:w3a6");
  options.tie_activations = false;
  options.tie_weight_activation = true;
  EXPECT_EQ(genes_text(SearchSpace(network, options)), "0:w0a0 1:w1a1 2:w0a0 3:w2a2 4:w3a3");
  // What is fixed is not tied to the other tensor.
  options.groups.clear();
  options.overrides = {{"layer1", "int8", "search"}, {"layer2", "search", "int8"}};
  const SearchSpace space(network, options);
  EXPECT_EQ(genes_text(space), "0:w0a0 1:a4 2:w1 3:w2a2 4:w3a3");
  EXPECT_EQ(space.decode({0, 0, 0, 0, 0}).text(), "w2a2 w8a2 w2a8 w2a2 w2a2");
  options.groups = {{{"layer0", "layer1"}}};
  EXPECT_THAT(error_of(network, options), HasSubstr("groups[0]: tie_weight_activation needs"));
}

TEST(SearchSpace, TiedWidthsAreThoseOfBoth) {
  SearchSpaceOptions options = open_space({2, 4, 8});
  options.tie_weight_activation = true;
  options.overrides = {{"layer0", {"int2", "int8"}, {"uint8", "uint2"}}};
  const SearchSpace space(chain_network(2), options);
  EXPECT_EQ(space.decode({1, 1}).text(), "w8a8 w4a4");
  options.overrides = {{"layer0", {"int2", "int8"}, {"uint4", "uint3"}}};
  EXPECT_THAT(error_of(chain_network(2), options),
              HasSubstr("layer 'layer0' may take uint4, uint3 for its activation"));
}

TEST(SearchSpace, WrongGroupsAndListsAreNamed) {
  const NetworkInfo network = chain_network(4);
  SearchSpaceOptions options = open_space({2, 8});
  options.groups = {{{"layer0", "layer1"}}, {{"*1", "layer2"}}};
  EXPECT_THAT(error_of(network, options),
              HasSubstr("groups[1]: layer 'layer1' is in groups[0] already"));
  options.groups = {{{"layer0", "layr1"}}};
  EXPECT_THAT(error_of(network, options),
              HasSubstr("groups[0].layers[1]: 'layr1' matches no layer of Chain; did you mean "
                        "'layer1'?"));
  options.groups = {{}};
  EXPECT_THAT(error_of(network, options), HasSubstr("groups[0].layers: names no layers"));
  options.groups = {{{"layer0", "*0"}}};  // twice in one group is no harm
  EXPECT_EQ(error_of(network, options), "");
  options.groups = {{{"layer0", "layer1"}}};
  options.overrides = {{"layer0", {"int2", "int4"}, "search"},
                       {"layer1", {"int8", "int3"}, "int8"}};
  EXPECT_THAT(error_of(network, options),
              HasSubstr("layer 'layer1' may take int8, int3 for its weight"));
  EXPECT_THAT(error_of(network, options), HasSubstr("'layer0' on) only int2, int4"));
  options.overrides = {{"layer0", Words(), "int8"}};
  EXPECT_THAT(error_of(network, options), HasSubstr("overrides[0].weight: is an empty list"));
  options.overrides = {{"layer0", {"int4", "uint4"}, "int8"}};
  EXPECT_THAT(error_of(network, options),
              HasSubstr("overrides[0].weight: candidate uint4 is listed twice"));
  options.overrides = {{"layer0", {"int4", "search"}, "int8"}};
  EXPECT_THAT(error_of(network, options), HasSubstr("overrides[0].weight: number format"));
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
