#include <gmock/gmock.h>

#include <deneb/io/files.h>
#include <deneb/search/layer_scores.h>

#include <cmath>

#include "scratch_folder.h"

namespace deneb {
namespace {

using ::testing::HasSubstr;

const char* const kScores = R"({"format": "deneb-layer-scores", "version": 1, "model": "Net",
  "origin": "a test", "remark": 1, "layers": [
    {"name": "module.conv", "weight": {"int4": 0.1, "e2m1": -0.2}, "activation": {"uint4": 1}},
    {"name": "fc", "weight": {"int8": 0}, "activation": {}}]})";

// The older format: by width.
const char* const kIndicators =
    R"({"format": "deneb-importance-indicators", "version": 1, "model": "Net",
  "bits": [2, 4, 3], "layers": [
    {"name": "module.conv", "weight": {"4": 0.1, "3": 0.2, "2": 0.4}, "act": {"4": 1, "3": 2, "2": 3}},
    {"name": "fc", "weight": {"4": 0.1, "3": 0.05, "2": 0.4}, "act": {"4": 1, "3": 2, "2": 3}}]})";

class ScoreFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = folder_ / "scores.json";
    write_file_atomically(path, text);
    return path;
  }
  std::string error_of(const std::string& from, const std::string& to) {
    std::string text = text_;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      read_layer_scores(write(text));
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  }
  std::string text_ = kIndicators;
  ScratchFolder folder_;
};

TEST_F(ScoreFile, IsReadAndWrittenExactly) {
  LayerScores read = read_layer_scores(write(kScores));
  EXPECT_EQ(read.model, "Net");
  EXPECT_EQ(read.origin, "a test");
  ASSERT_EQ(read.layers.size(), 2u);
  EXPECT_EQ(read.layers[0].name, "conv");  // without the wrapper's prefix
  EXPECT_EQ(read.find("other"), nullptr);
  read.layers[0].weight["int3"] = 1.0 / 3;
  const std::string path = folder_ / "copy.json";
  write_layer_scores(path, read);
  const LayerScores again = read_layer_scores(path);
  ASSERT_EQ(again.layers.size(), 2u);
  EXPECT_EQ(again.origin, read.origin);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again.layers[i].weight, read.layers[i].weight);
    EXPECT_EQ(again.layers[i].activation, read.layers[i].activation);
  }
  read.layers[1].weight["int2"] = NAN;
  EXPECT_THROW(write_layer_scores(path, read), RunError);
  EXPECT_EQ(read_layer_scores(path).layers[1].weight.size(), 1u);
}

TEST_F(ScoreFile, ScoresOfIntegersHoldWithAndWithoutSign) {
  const LayerScores scores = read_layer_scores(write(kScores));
  const auto weight = QuantizerRole::kWeight, activation = QuantizerRole::kActivation;
  EXPECT_EQ(scores.score("conv", activation, Format::integer(4, true)), 1.0);
  EXPECT_EQ(scores.score("conv", activation, Format::integer(4, false)), 1.0);
  EXPECT_EQ(scores.score("conv", weight, Format::small_float(2, 1)), -0.2);
  EXPECT_EQ(scores.score("conv", weight, Format::float32()), 0.0);
  EXPECT_EQ(scores.score("conv", weight, Format::integer(8, true)), std::nullopt);
  EXPECT_EQ(scores.score("other", weight, Format::integer(4, true)), std::nullopt);
}

TEST_F(ScoreFile, TheOlderFormatIsReadByWidth) {
  const LayerScores read = read_layer_scores(write(kIndicators));
  ASSERT_EQ(read.layers.size(), 2u);
  EXPECT_EQ(read.score("fc", QuantizerRole::kWeight, Format::integer(3, true)), 0.05);
  EXPECT_EQ(read.score("conv", QuantizerRole::kActivation, Format::integer(2, false)), 3.0);
}

TEST_F(ScoreFile, ErrorsOfScoresSayWhere) {
  text_ = kScores;
  EXPECT_THAT(error_of("\"int4\"", "\"4\""), HasSubstr("layer 'conv': weight.4: "));
  EXPECT_THAT(error_of("0.1", "null"), HasSubstr("weight.int4: is null, expected a finite number"));
  EXPECT_THAT(error_of("\"activation\": {}", "\"act\": {}"), HasSubstr("has no \"activation\""));
  EXPECT_THAT(error_of("\"version\": 1", "\"version\": 2"), HasSubstr("no file of layer scores"));
}

// The text of an error shows the value, which nlohmann's writer prints by recursion.
TEST_F(ScoreFile, DeepNestingIsAnError) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_THAT(error_of("0.1", deep), HasSubstr("is no JSON object"));
}

TEST_F(ScoreFile, ErrorsSayWhere) {
  EXPECT_THAT(error_of("deneb-importance", "other"), HasSubstr("is no file of layer scores"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[]"), HasSubstr("\"bits\" is empty"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[2, 2]"), HasSubstr("twice"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[2, 40]"), HasSubstr("holds 40, expected widths"));
  EXPECT_THAT(error_of("\"4\": 0.1, ", ""), HasSubstr("layer 'conv': weight.4: is missing"));
  EXPECT_THAT(error_of("0.2", "-0.2"), HasSubstr("weight.3: is -0.2, expected a positive"));
  EXPECT_THAT(error_of("0.2", "\"x\""), HasSubstr("expected a finite number"));
  EXPECT_THAT(error_of("\"fc\"", "\"conv\""), HasSubstr("layer 'conv': is there twice"));
  EXPECT_THAT(error_of("\"act\"", "\"a\""), HasSubstr("has no \"act\""));
  EXPECT_THAT(error_of("\"name\": \"fc\"", "\"name\": 3"), HasSubstr("layers[1]: \"name\""));
  EXPECT_THAT(error_of("{", "["), HasSubstr("is no JSON object"));
  EXPECT_THROW(read_layer_scores(folder_ / "none.json"), DataError);
}

}  // namespace
}  // namespace deneb
