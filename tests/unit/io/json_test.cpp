#include <gtest/gtest.h>

#include <deneb/io/json.h>

namespace deneb {
namespace {

std::string nested(std::size_t depth, const std::string& open, const std::string& close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

std::string object_of(int keys) {
  std::string text = "{";
  for (int i = 0; i < keys; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":{\"a\":1}";
  return text + "}";
}

TEST(ParseJson, TakesWhatJsonIs) {
  const auto value = parse_ordered_json(R"({"b": [1, -2.5, "x"], "a": {"c": null, "d": true}})");
  EXPECT_EQ(value.dump(), R"({"b":[1,-2.5,"x"],"a":{"c":null,"d":true}})");
  EXPECT_EQ(parse_json(R"({"b": 1, "a": 2})").dump(), R"({"a":2,"b":1})");
  EXPECT_EQ(parse_json("[3]").dump(), "[3]");
  for (const char* text : {"", "{", "]", "[1,]", "{\"a\" 1}", "\"\xff\"", "]]]]}", "::"}) {
    EXPECT_TRUE(parse_json(text).is_discarded()) << text;
    EXPECT_TRUE(parse_ordered_json(text).is_discarded()) << text;
  }
}

TEST(ParseJson, NestsAHundredLevels) {
  for (const auto& [open, close] : {std::pair{"[", "]"}, std::pair{"{\"a\":", "}"}}) {
    EXPECT_FALSE(parse_json(nested(100, open, close)).is_discarded());
    EXPECT_FALSE(parse_ordered_json(nested(100, open, close)).is_discarded());
    for (const std::size_t depth : {101, 1000000}) {
      EXPECT_TRUE(parse_json(nested(depth, open, close)).is_discarded());
      EXPECT_TRUE(parse_ordered_json(nested(depth, open, close)).is_discarded());
    }
  }
  const std::string brackets(1000, '[');
  EXPECT_EQ(parse_json("[\"" + brackets + "\\\"" + brackets + "\"]")[0],
            brackets + "\"" + brackets);
}

TEST(ParseJson, KeepsTheOrderOfTenThousandKeys) {
  EXPECT_EQ(parse_ordered_json(object_of(10000)).size(), 10000u);
  EXPECT_TRUE(parse_ordered_json(object_of(10001)).is_discarded());
  EXPECT_EQ(parse_json(object_of(10001)).size(), 10001u);
  // Keys of each object count for themselves.
  EXPECT_EQ(parse_ordered_json("[" + object_of(6000) + "," + object_of(6000) + "]").size(), 2u);
}

}  // namespace
}  // namespace deneb
