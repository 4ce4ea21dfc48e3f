#include <gmock/gmock.h>

#include <deneb/io/files.h>

#include "indicators.h"
#include "scratch_folder.h"

namespace deneb::limpq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kFile = R"({"format": "deneb-importance-indicators", "version": 1, "model": "Net",
  "bits": [2, 4, 3], "layers": [
    {"name": "module.conv", "weight": {"4": 0.1, "3": 0.2, "2": 0.4}, "act": {"4": 1, "3": 2, "2": 3}},
    {"name": "fc", "weight": {"4": 0.1, "3": 0.05, "2": 0.4}, "act": {"4": 1, "3": 2, "2": 3}}]})";

class IndicatorFile : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = folder_ / "indicators.json";
    write_file_atomically(path, text);
    return path;
  }
  std::string error_of(const std::string& from, const std::string& to) {
    std::string text = kFile;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      read_indicators(write(text));
    } catch (const DataError& e) {
      return e.what();
    }
    return "no error";
  }
  ScratchFolder folder_;
};

TEST_F(IndicatorFile, IsReadAndWrittenExactly) {
  Indicators read = read_indicators(write(kFile));
  EXPECT_EQ(read.model, "Net");
  EXPECT_THAT(read.bits, ElementsAre(4, 3, 2));
  ASSERT_EQ(read.layers.size(), 2u);
  EXPECT_EQ(read.layers[0].name, "conv");  // without the wrapper's prefix
  EXPECT_EQ(read.find("fc")->weight.at(3), 0.05);
  EXPECT_EQ(read.find("other"), nullptr);
  read.layers[0].weight[3] = 1.0 / 3;
  const std::string path = folder_ / "copy.json";
  write_indicators(path, read);
  const Indicators again = read_indicators(path);
  EXPECT_EQ(again.bits, read.bits);
  EXPECT_EQ(again.layers[0].weight, read.layers[0].weight);
  EXPECT_EQ(again.layers[1].activation, read.layers[1].activation);
}

TEST_F(IndicatorFile, ErrorsSayWhere) {
  EXPECT_THAT(error_of("deneb-importance", "other"), HasSubstr("is no indicator file"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[]"), HasSubstr("\"bits\" is empty"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[2, 2]"), HasSubstr("twice"));
  EXPECT_THAT(error_of("[2, 4, 3]", "[2, 40]"), HasSubstr("holds 40, expected widths"));
  EXPECT_THAT(error_of("\"4\": 0.1, ", ""), HasSubstr("layer 'conv': weight.4: is missing"));
  EXPECT_THAT(error_of("0.2", "-0.2"), HasSubstr("weight.3: is -0.2, expected a positive"));
  EXPECT_THAT(error_of("0.2", "\"x\""), HasSubstr("expected a positive number"));
  EXPECT_THAT(error_of("\"fc\"", "\"conv\""), HasSubstr("layer 'conv': is there twice"));
  EXPECT_THAT(error_of("\"act\"", "\"a\""), HasSubstr("has no \"act\""));
  EXPECT_THAT(error_of("\"name\": \"fc\"", "\"name\": 3"), HasSubstr("layers[1]: \"name\""));
  EXPECT_THAT(error_of("{", "["), HasSubstr("is no JSON object"));
  EXPECT_THROW(read_indicators(folder_ / "none.json"), DataError);
}

// LIMPQ's released ResNet-50 file has two such entries, both at width 5.
TEST(Outliers, AreWidthsThatLookBetterThanTheNextLargerOne) {
  const std::vector<int> bits = {6, 5, 4, 3, 2};
  EXPECT_THAT(without_outliers({{6, .1}, {5, .2}, {4, .3}, {3, .4}, {2, .5}}, bits),
              ElementsAre(6, 5, 4, 3, 2));
  EXPECT_THAT(without_outliers({{6, .2}, {5, .1}, {4, .3}, {3, .3}, {2, .5}}, bits),
              ElementsAre(6, 4, 3, 2));
  // All are judged by the raw values: 4 lies above 5 though 5 falls.
  EXPECT_THAT(without_outliers({{6, .3}, {5, .1}, {4, .2}, {3, .15}, {2, .1}}, bits),
              ElementsAre(6, 4));
  EXPECT_THAT(without_outliers({{6, .3}, {4, .2}, {2, .4}}, {6, 4, 2}), ElementsAre(6, 2));
}

}  // namespace
}  // namespace deneb::limpq
