#include <deneb/quant/policy.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <deneb/quant/cost_model.h>

namespace deneb {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

LayerChoice choice(const char* weight, const char* activation) {
  return {Format::parse(weight), Format::parse(activation)};
}

BitPolicy sample() {
  BitPolicy policy;
  policy.set("conv1", choice("float32", "float32"));
  policy.set("layer1.0.conv1", choice("int4", "uint8"));
  policy.set("fc", choice("e4m3", "e2m1"));
  return policy;
}

NetworkInfo network() {
  NetworkInfo info;
  info.model = "Tiny";
  for (const char* name : {"conv1", "layer1.0.conv1", "fc"}) {
    LayerInfo layer;
    layer.name = name;
    layer.macs = 10;
    layer.signed_input = std::string(name) == "conv1";
    info.layers.push_back(layer);
  }
  return info;
}

template <class Fn>
std::string config_error(const Fn& fn) {
  try {
    fn();
  } catch (const ConfigError& e) {
    return e.what();
  }
  ADD_FAILURE() << "no ConfigError was thrown";
  return {};
}

TEST(BitPolicy, KeepsTheOrderAndReplacesInPlace) {
  BitPolicy policy = sample();
  EXPECT_FALSE(policy.empty());
  EXPECT_TRUE(BitPolicy{}.empty());
  ASSERT_NE(policy.find("fc"), nullptr);
  EXPECT_EQ(*policy.find("fc"), choice("e4m3", "e2m1"));
  EXPECT_EQ(policy.find("fc2"), nullptr);
  policy.set("conv1", choice("int8", "int8"));
  ASSERT_EQ(policy.layers().size(), 3u);
  EXPECT_EQ(policy.layers()[0].first, "conv1");
  EXPECT_EQ(policy.layers()[0].second, choice("int8", "int8"));
  EXPECT_TRUE(choice("float32", "float32").is_float32());
  EXPECT_FALSE(choice("float32", "uint4").is_float32());
}

TEST(BitPolicy, JsonRoundTrip) {
  const BitPolicy policy = sample();
  const ordered_json json = policy.to_json();
  EXPECT_EQ(json.dump(), R"([{"name":"conv1","weight":"float32","activation":"float32"},)"
                         R"({"name":"layer1.0.conv1","weight":"int4","activation":"uint8"},)"
                         R"({"name":"fc","weight":"e4m3","activation":"e2m1"}])");
  EXPECT_EQ(BitPolicy::from_json(json, "x"), policy);
  EXPECT_EQ(BitPolicy::from_json(ordered_json::array(), "x"), BitPolicy{});
}

TEST(BitPolicy, TextShowsWidthsAndWords) {
  EXPECT_EQ(sample().text(), "w32a32 w4a8 we4m3ae2m1");
  EXPECT_EQ(BitPolicy{}.text(), "");
}

TEST(BitPolicy, FingerprintTellsPoliciesApart) {
  const std::string print = sample().fingerprint();
  EXPECT_THAT(print, testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(sample().fingerprint(), print);
  std::vector<std::string> others;
  BitPolicy other = sample();
  other.set("fc", choice("e4m3", "e3m0"));
  others.push_back(other.fingerprint());
  other.set("fc", choice("e2m1", "e4m3"));  // weight and activation exchanged
  others.push_back(other.fingerprint());
  other.set("more", choice("int4", "int4"));
  others.push_back(other.fingerprint());
  others.push_back(BitPolicy{}.fingerprint());
  // Where a name ends matters, too.
  BitPolicy a, b;
  a.set("ab", choice("int4", "int4"));
  b.set("a", choice("int4", "int4"));
  others.push_back(a.fingerprint());
  others.push_back(b.fingerprint());
  others.push_back(print);
  std::sort(others.begin(), others.end());
  EXPECT_EQ(std::unique(others.begin(), others.end()), others.end());
  // Written into stores and file names: the value may not change between releases.
  EXPECT_EQ(BitPolicy{}.fingerprint(), "cbf29ce484222325");
}

TEST(BitPolicy, MalformedJson) {
  const auto text = [](const char* json) {
    return config_error([&] { BitPolicy::from_json(ordered_json::parse(json), "p.json: layers"); });
  };
  EXPECT_THAT(text(R"({"conv1": 4})"), HasSubstr("p.json: layers: got object, expected a list"));
  EXPECT_THAT(text("[4]"), HasSubstr("p.json: layers[0]: needs a string \"name\""));
  EXPECT_THAT(text(R"([{"name": "a", "weight": "int4"}])"), HasSubstr("\"activation\""));
  EXPECT_THAT(text(R"([{"name": "a", "weight": 4, "activation": "int4"}])"),
              HasSubstr("layers[0]: needs a string \"weight\""));
  const std::string bad = text(R"([{"name": "a", "weight": "int4", "activation": "int4"},
                                   {"name": "b", "weight": "int40", "activation": "int4"}])");
  EXPECT_THAT(bad, HasSubstr("p.json: layers[1] (b): "));
  EXPECT_THAT(bad, HasSubstr("40"));
  const std::string twice = text(R"([{"name": "a", "weight": "int4", "activation": "int4"},
                                     {"name": "a", "weight": "int8", "activation": "int4"}])");
  EXPECT_THAT(twice, HasSubstr("layers[1]: layer 'a' is listed twice"));
}

// An unsigned format makes zeros of all that is negative, with a network that still runs.
TEST(BitPolicy, SignsAreThoseOfTheTensors) {
  NetworkInfo known = network();
  for (LayerInfo& layer : known.layers) layer.signed_input = layer.name != "layer1.0.conv1";
  const auto error = [&](const char* layer, const char* weight, const char* activation) {
    BitPolicy policy;
    policy.set(layer, choice(weight, activation));
    return config_error([&] { policy.check_against(known, "p.json"); });
  };
  EXPECT_THAT(
      error("fc", "uint8", "int8"),
      HasSubstr("p.json: layer 'fc': its weights have both signs, and uint8 has none; take int8"));
  EXPECT_THAT(error("fc", "int8", "uint4"), HasSubstr("'fc': its inputs have both signs"));
  BitPolicy fits;
  fits.set("conv1", choice("int4", "uint8"));
  fits.set("fc", choice("e2m1", "int4"));
  fits.check_against(known, "p.json");
}

TEST(BitPolicy, CheckAgainstANetwork) {
  sample().check_against(network(), "here");
  BitPolicy{}.check_against(network(), "here");
  BitPolicy policy = sample();
  policy.set("layer1.0.conv2", choice("int4", "int4"));
  const std::string near = config_error([&] { policy.check_against(network(), "p.json"); });
  EXPECT_THAT(near, HasSubstr("p.json: network Tiny has no layer 'layer1.0.conv2'"));
  EXPECT_THAT(near, HasSubstr("did you mean 'layer1.0.conv1'?"));
  BitPolicy far;
  far.set("encoder.attention.query", choice("int4", "int4"));
  const std::string text = config_error([&] { far.check_against(network(), "p.json"); });
  EXPECT_THAT(text, Not(HasSubstr("did you mean")));
  EXPECT_THAT(text, HasSubstr("deneb inspect"));
}

TEST(BitPolicy, Uniform) {
  const BitPolicy policy = uniform_policy(network(), 4, 8);
  ASSERT_EQ(policy.layers().size(), 3u);
  EXPECT_EQ(*policy.find("conv1"), choice("int4", "int8"));  // sees negative input
  EXPECT_EQ(*policy.find("fc"), choice("int4", "uint8"));
  EXPECT_THROW(uniform_policy(network(), 17, 4), ConfigError);
}

/// Weight bits plus ten times activation bits, and a constant.
class SumOfBits final : public CostModel {
 public:
  double layer(const LayerInfo& info, const LayerChoice& c) const override {
    return double(info.macs) * (c.weight.bits + 10 * c.activation.bits);
  }
  double constant(const NetworkInfo&) const override { return 7; }
  std::string unit() const override { return "bits"; }
};

TEST(CostModel, TotalCountsUnlistedLayersAsFloat) {
  BitPolicy policy;
  policy.set("fc", choice("int4", "uint2"));
  EXPECT_EQ(SumOfBits().total(network(), policy), 7 + 10 * (4 + 20) + 2 * 10 * (32 + 320));
  EXPECT_EQ(SumOfBits().total(network(), {}), 7 + 3 * 10 * (32 + 320));
}

}  // namespace
}  // namespace deneb
