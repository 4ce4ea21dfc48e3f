#include <deneb/quant/policy_file.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace deneb {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PolicyFileTest : public testing::Test {
 protected:
  PolicyFileTest() {
    std::string pattern = (fs::temp_directory_path() / "deneb_policy_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
  }
  ~PolicyFileTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string path() const { return (folder_ / "policy.json").string(); }

  /// The ConfigError that reading a file with this text ends in.
  std::string refusal(const std::string& text) {
    std::ofstream(path()) << text;
    try {
      read_policy_file(path());
    } catch (const ConfigError& e) {
      EXPECT_THAT(e.what(), HasSubstr(path()));
      return e.what();
    }
    ADD_FAILURE() << "accepted " << text;
    return {};
  }

  fs::path folder_;
};

TEST_F(PolicyFileTest, RoundTrip) {
  PolicyFile file;
  file.model = {{"type", "ResNetCifar"}, {"depth", 20}};
  file.policy.set("layer1.0.conv1", {Format::parse("int4"), Format::parse("uint4")});
  file.policy.set("fc", {Format::parse("float32"), Format::parse("e4m3")});
  file.metrics = {{"accuracy", 0.915}, {"bitops", 1291845632.0}};
  file.provenance = {{"task", "t1"}, {"trial", 17}};
  write_policy_file(path(), file);
  const PolicyFile read = read_policy_file(path());
  EXPECT_EQ(read.model, file.model);
  EXPECT_EQ(read.policy, file.policy);
  EXPECT_EQ(read.metrics, file.metrics);
  EXPECT_EQ(read.provenance, file.provenance);
}

TEST_F(PolicyFileTest, TheWrittenFormIsTheDocumentedOne) {
  PolicyFile file;
  file.policy.set("fc", {Format::parse("int4"), Format::parse("uint4")});
  write_policy_file(path(), file);
  std::ifstream in(path());
  const auto json = nlohmann::ordered_json::parse(in);
  EXPECT_EQ(json.dump(), R"({"format":"deneb-policy","version":1,"model":{},)"
                         R"("layers":[{"name":"fc","weight":"int4","activation":"uint4"}],)"
                         R"("metrics":{},"provenance":{}})");
}

TEST_F(PolicyFileTest, HandWrittenFilesMayHaveCommentsAndOnlyTheLayers) {
  std::ofstream(path()) << R"({
    "format": "deneb-policy", "version": 1,
    // the classifier stays wide
    "layers": [{"name": "fc", "weight": "int8", "activation": "uint8"}]
  })";
  const PolicyFile file = read_policy_file(path());
  ASSERT_NE(file.policy.find("fc"), nullptr);
  EXPECT_TRUE(file.model.is_object());
  EXPECT_TRUE(file.metrics.empty());
}

TEST_F(PolicyFileTest, Errors) {
  const std::string head = R"({"format": "deneb-policy", "version": 1, )";
  EXPECT_THAT(refusal("{}"), HasSubstr("expected \"format\": \"deneb-policy\""));
  EXPECT_THAT(refusal("[1, 2]"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal("3"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal(R"({"format": 4, "layers": []})"), HasSubstr("not a policy file"));
  EXPECT_THAT(refusal(R"({"format": "deneb-indicators", "version": 1})"),
              HasSubstr("not a policy file"));
  EXPECT_THAT(refusal(R"({"format": "deneb-policy", "layers": []})"), HasSubstr("version missing"));
  EXPECT_THAT(refusal(R"({"format": "deneb-policy", "version": 2, "layers": []})"),
              HasSubstr("version 2, this Deneb reads version 1"));
  EXPECT_THAT(refusal(R"({"format": "deneb-policy", "version": "1", "layers": []})"),
              HasSubstr("reads version 1"));
  EXPECT_THAT(refusal(head + R"("metrics": {}})"), HasSubstr("has no \"layers\""));
  EXPECT_THAT(refusal(head + R"("layers": {"fc": "int4"}})"), HasSubstr("expected a list"));
  EXPECT_THAT(refusal(head + R"("layers": [], "metrics": 5})"),
              HasSubstr("metrics: expected an object"));
  EXPECT_THAT(refusal(head + R"("layers": [{"name": "fc", "weight": "int4", )"),
              HasSubstr("policy.json"));
}

TEST_F(PolicyFileTest, MissingAndUnwritableFiles) {
  EXPECT_THROW(read_policy_file(path()), ConfigError);
  std::ofstream(path()) << "a file, where a folder is needed";
  EXPECT_THROW(write_policy_file(path() + "/policy.json", {}), RunError);
}

// A file with two layers and further lines of text after them.
std::string with(const std::string& more) {
  return "{\n\"format\": \"deneb-policy\", \"version\": 1,\n\"layers\": [\n"
         "  {\"name\": \"layer1.0.conv1\", \"weight\": \"int4\", \"activation\": \"uint4\"},\n"
         "  {\"name\": \"layer1.0.conv2\", \"weight\": \"int2\", \"activation\": \"uint2\"},\n"
         "  {\"name\": \"fc\", \"weight\": \"int4\", \"activation\": \"int4\"}]" +
         more + "\n}\n";
}

// Layers times overrides, not layers squared: sixty kilobytes took half a minute.
TEST_F(PolicyFileTest, ManyOverrides) {
  const auto item = [](const std::string& key, const std::string& name, const std::string& rest) {
    return "{\"" + key + "\": \"" + name + "\", \"weight\": \"int" + rest + "\"}";
  };
  std::string layers, overrides;
  for (int i = 0; i < 1000; ++i) {
    layers +=
        (i ? ", " : "") + item("name", "l" + std::to_string(i), "4\", \"activation\": \"int4");
    overrides += (i ? ", " : "") + item("layer", "*", std::to_string(i % 15 + 2));
  }
  std::ofstream(path()) << "{\"format\": \"deneb-policy\", \"version\": 1, \"layers\": [" << layers
                        << "],\n\"overrides\": [" << overrides << "]}";
  const BitPolicy policy = read_policy_file(path()).policy;
  ASSERT_EQ(policy.layers().size(), 1000u);
  for (const BitPolicy::Entry& entry : policy.layers()) {
    EXPECT_EQ(entry.second.weight, Format::integer(999 % 15 + 2, true));
  }
}

TEST_F(PolicyFileTest, OverridesReplaceWhatTheirGlobMatches) {
  std::ofstream(path()) << with(R"(,
    "overrides": [{"layer": "layer1.*", "weight": "int8", "activation": "uint6"},
                  {"layer": "*.conv2", "weight": "int3"}])");
  const BitPolicy policy = read_policy_file(path()).policy;
  EXPECT_EQ(policy.find("layer1.0.conv1")->weight, Format::parse("int8"));
  EXPECT_EQ(policy.find("layer1.0.conv1")->activation, Format::parse("uint6"));
  EXPECT_EQ(policy.find("layer1.0.conv2")->weight, Format::parse("int3")) << "the last match wins";
  EXPECT_EQ(policy.find("layer1.0.conv2")->activation, Format::parse("uint6"));
  EXPECT_EQ(policy.find("fc")->weight, Format::parse("int4"));
  // Applied, hence not written.
  PolicyFile file;
  file.policy = policy;
  write_policy_file(path(), file);
  EXPECT_EQ(read_policy_file(path()).policy, policy);
}

TEST_F(PolicyFileTest, MistakesAreToldWithTheirLine) {
  EXPECT_THAT(refusal(with(",\n\"overides\": []")),
              HasSubstr("policy.json:7: overides: unknown key; did you mean 'overrides'?"));
  EXPECT_THAT(refusal(with(",\n\"overrides\": [{\"layer\": \"layer2.*\", \"weight\": \"int8\"}]")),
              HasSubstr("policy.json:7: overrides[0].layer: 'layer2.*' matches none"));
  EXPECT_THAT(refusal(with(",\n\"overrides\": [{\"layer\": \"fc\", \"wight\": \"int8\"}]")),
              HasSubstr("overrides[0].wight: unknown key; did you mean 'weight'?"));
  EXPECT_THAT(refusal(with(",\n\"overrides\": [{\"layer\": \"fc\", \"weight\": \"int99\"}]")),
              HasSubstr("overrides[0].weight: integer format: got 99 bits"));
  EXPECT_THAT(refusal(with(",\n\"overrides\": [{\"weight\": \"int8\"}]")),
              HasSubstr("overrides[0]: needs a string \"layer\""));
  std::string text = with("");
  text.replace(text.find("\"activation\": \"uint2\""), 12, "\"activations\"");
  EXPECT_THAT(refusal(text), HasSubstr("policy.json:5: layers[1]"));
  text = with("");
  text.replace(text.find("layer1.0.conv2"), 14, "layer1.0.conv1");
  EXPECT_THAT(refusal(text),
              HasSubstr("policy.json:5: layers[1]: layer 'layer1.0.conv1' is listed twice"));
}

}  // namespace
}  // namespace deneb
