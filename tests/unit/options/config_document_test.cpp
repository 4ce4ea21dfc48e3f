#include <deneb/options/config.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace deneb {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(const std::string& text) {
  try {
    parse_config(text, "p.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigDocument, ValuesOrderAndLines) {
  const ConfigDocument document = parse_config(R"(// a pipeline
{
  "seed": 10,  /* a
     comment */ "rate": 0.5,
  "list": [1,
    {"a": "\u00e4"},
    [2, 3]],
  "empty": {}, "none":
     null, "yes": true, "no": false, "neg": -1e-3
}
)",
                                               "p.json");
  EXPECT_EQ(document.file, "p.json");
  EXPECT_EQ(document.value.dump(),
            "{\"seed\":10,\"rate\":0.5,\"list\":[1,{\"a\":\"\u00e4\"},[2,3]],\"empty\":{},"
            "\"none\":null,\"yes\":true,\"no\":false,\"neg\":-0.001}");
  EXPECT_TRUE(document.value["seed"].is_number_integer());
  EXPECT_TRUE(document.value["rate"].is_number_float());
  const std::map<std::string, int> lines = {
      {"", 2},        {"seed", 3},      {"rate", 4},    {"list", 5},       {"list[0]", 5},
      {"list[1]", 6}, {"list[1].a", 6}, {"list[2]", 7}, {"list[2][0]", 7}, {"list[2][1]", 7},
      {"empty", 8},   {"none", 8},      {"yes", 9},     {"no", 9},         {"neg", 9}};
  EXPECT_EQ(document.lines, lines);
}

TEST(ConfigDocument, LineOfFallsBackToAncestors) {
  const ConfigDocument document = parse_config("{\n\"a\": {\n\"b\": [\n1]}}", "p.json");
  EXPECT_EQ(document.line_of("a.b[0]"), 4);
  EXPECT_EQ(document.line_of("a.b[7].c.d"), 3);
  EXPECT_EQ(document.line_of("a.x"), 2);
  EXPECT_EQ(document.line_of("zzz"), 1);
  EXPECT_EQ(ConfigDocument().line_of("a.b"), 0);
}

TEST(ConfigDocument, AcceptsByteOrderMarkAndCarriageReturns) {
  const ConfigDocument document =
      parse_config("\xEF\xBB\xBF{\r\n\"a\": 1,\r\n\"b\": 2}\r\n", "p.json");
  EXPECT_EQ(document.line_of("b"), 3);
  EXPECT_EQ(error_of("\xEF\xBB\xBF x"),
            "p.json:1:2: unexpected 'x', expected a value; put text in "
            "double quotes");
}

struct Damage {
  const char* name;
  std::string text;
  std::string error;  ///< whole message after "p.json:"
};

class DamagedText : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedText, NamesPlaceAndRemedy) {
  EXPECT_EQ(error_of(GetParam().text), "p.json:" + GetParam().error);
}

const Damage kDamages[] = {
    {"empty", "", "1:1: the file is empty; expected a JSON object { ... }"},
    {"only_spaces", " \n\n", "1:1: the file is empty; expected a JSON object { ... }"},
    {"only_comment", "// nothing\n", "1:1: the file is empty; expected a JSON object { ... }"},
    {"cut_in_object", "{\n \"a\": 1,\n \"b\": {\n  \"c\": 2",
     "4:9: the file ends inside the object that began on line 3; it is cut off, or a closing "
     "bracket is missing"},
    {"cut_after_comma", "{\"a\": 1,",
     "1:9: the file ends inside the object that began on line 1; it is cut off, or a closing "
     "bracket is missing"},
    {"cut_after_key", "{\"a\"",
     "1:5: the file ends inside the object that began on line 1; it is cut off, or a closing "
     "bracket is missing"},
    {"cut_after_colon", "{\"a\":",
     "1:6: the file ends inside the object that began on line 1; it is cut off, or a closing "
     "bracket is missing"},
    {"cut_in_list", "{\n\"a\": [1,\n2",
     "3:2: the file ends inside the list that began on line 2; it is cut off, or a closing "
     "bracket is missing"},
    {"cut_in_string", "{\"a\": \"wor",
     "1:7: this string is not closed on its line; add a double quote"},
    {"cut_in_escape", "{\"a\": \"wor\\",
     "1:7: this string is not closed on its line; add a double quote"},
    {"string_over_lines", "{\"a\": \"wor\nd\"}",
     "1:7: this string is not closed on its line; add a double quote"},
    {"cut_in_word", "{\"a\": tru",
     "1:7: unexpected 'tru', expected a value; put text in double quotes"},
    {"comma_before_brace", "{\"a\": 1,\n}", "2:1: a comma before '}'; remove the comma"},
    {"comma_before_bracket", "{\"a\": [1, ]}", "1:11: a comma before ']'; remove the comma"},
    {"two_commas", "{\"a\": [1,, 2]}", "1:10: unexpected ',', expected a value"},
    {"missing_comma", "{\"a\": 1\n \"b\": 2}",
     "2:2: unexpected a string, expected ',' or '}'; is a comma missing before it?"},
    {"missing_comma_in_list", "{\"a\": [4 8]}",
     "1:10: unexpected '8', expected ',' or ']'; is a comma missing before it?"},
    {"missing_colon", "{\"a\" 1}", "1:6: unexpected '1' after key \"a\", expected ':'"},
    {"missing_value", "{\"a\": }", "1:7: unexpected '}', expected a value"},
    {"wrong_bracket", "{\"a\": [1}",
     "1:9: unexpected '}', expected ',' or ']'; is a comma missing before it?"},
    {"bracket_too_many", "{\"a\": 1}\n}",
     "2:1: unexpected '}' after the end of the document; remove it, or a bracket too many before"},
    {"two_documents", "{} {}",
     "1:4: unexpected '{' after the end of the document; remove it, or a bracket too many before"},
    {"bare_key", "{a: 1}", "1:2: unexpected 'a', expected a key in double quotes"},
    {"single_quotes", "{'a': 1}", "1:2: unexpected ''a'', expected a key in double quotes"},
    {"number_key", "{1: 1}", "1:2: unexpected '1', expected a key in double quotes"},
    {"bare_word", "{\"a\": step}",
     "1:7: unexpected 'step', expected a value; put text in double quotes"},
    {"bare_path", "{\"a\": /data/x}",
     "1:7: unexpected '/data/x', expected a value; put text in double quotes"},
    {"hash_comment", "{\"a\": 1, # one\n}",
     "1:10: unexpected '#', expected a key in double quotes"},
    {"hash_value", "{\"a\": #1\n}",
     "1:7: unexpected '#1', expected a value; comments begin with //"},
    {"open_comment", "{\"a\": 1 /* one\n}", "1:9: this comment is not closed; add */"},
    {"python_true", "{\"a\": True}", "1:7: 'True' is not JSON; write true"},
    {"python_none", "{\"a\": None}", "1:7: 'None' is not JSON; write null"},
    {"nan", "{\n\n\"a\": NaN}", "3:6: 'NaN' is not JSON; numbers must be finite"},
    {"infinity", "{\"a\": -Infinity}", "1:7: '-Infinity' is not JSON; numbers must be finite"},
    {"inf", "{\"a\": +inf}", "1:7: '+inf' is not JSON; numbers must be finite"},
    {"overflow", "{\"a\":\n1e999}",
     "2:1: '1e999' is too large for a number; the largest is about 1.8e308"},
    {"negative_overflow", "{\"a\": -1e999}",
     "1:7: '-1e999' is too large for a number; the largest is about 1.8e308"},
    {"leading_zero", "{\"a\": 010}",
     "1:7: '010' is not a JSON number; write numbers as 12, -0.5 or 1e-3"},
    {"leading_point", "{\"a\": .5}",
     "1:7: '.5' is not a JSON number; write numbers as 12, -0.5 or 1e-3"},
    {"hex", "{\"a\": 0x10}", "1:7: '0x10' is not a JSON number; write numbers as 12, -0.5 or 1e-3"},
    {"plus", "{\"a\": +5}", "1:7: '+5' is not a JSON number; write numbers as 12, -0.5 or 1e-3"},
    {"underscore", "{\"a\": 1_000}",
     "1:7: '1_000' is not a JSON number; write numbers as 12, -0.5 or 1e-3"},
    {"duplicate", "{\n\"a\": 1,\n\"b\": {\"c\": 1,\n\"c\": 2}}",
     "4:1: key \"c\" appears twice in b (first on line 3); remove one of them"},
    {"duplicate_top", "{\"a\": 1, \"a\": 1}",
     "1:10: key \"a\" appears twice (first on line 1); remove one of them"},
    {"tab_in_string", "{\"a\": \"x\ty\"}",
     "1:9: a control character inside a string; write \\t for a tab"},
    {"windows_path", "{\"a\": \"C:\\data\"}",
     "1:11: a bad escape in a string; write \\\\ for a backslash, \\\" for a quote, \\uXXXX for "
     "any character"},
    {"lone_surrogate", "{\"a\": \"\\ud800\"}",
     "1:14: a bad escape in a string; write \\\\ for a backslash, \\\" for a quote, \\uXXXX for "
     "any character"},
    {"latin1", "{\n\"a\": \"caf\xE9\"}",
     "2:10: byte 0xE9 is not UTF-8; save the file as UTF-8 text"},
    {"overlong", "{\"a\": \"\xC0\xAF\"}",
     "1:8: byte 0xC0 is not UTF-8; save the file as UTF-8 text"},
    {"surrogate_bytes", "{\"a\": \"\xED\xA0\x80\"}",
     "1:8: byte 0xED is not UTF-8; save the file as UTF-8 text"},
    {"cut_character", "{\"a\": \"\xE2\x82",
     "1:8: byte 0xE2 is not UTF-8; save the file as UTF-8 text"},
    {"beyond_unicode", "{\"a\": \"\xF4\x90\x80\x80\"}",
     "1:8: byte 0xF4 is not UTF-8; save the file as UTF-8 text"},
    {"utf16", std::string("\xFF\xFE{\0}\0", 6), "1:1: the file is UTF-16; save it as UTF-8"},
    {"zero_byte", std::string("{}\0garbage", 10),
     "1:3: a zero byte; the file is damaged or no text, restore it"},
    {"binary", std::string("\x89PNG\r\n\x1a\n", 8),
     "1:1: byte 0x89 is not UTF-8; save the file as UTF-8 text"},
    {"list_on_top", "\n[1, 2]",
     "2:1: the file holds list [1,2], expected an object; put everything inside { ... }"},
    {"string_on_top", "\"x\"",
     "1:1: the file holds string \"x\", expected an object; put everything inside { ... }"},
    {"columns_in_characters", "{\"\u00e4\u20ac\": x}",
     "1:8: unexpected 'x', expected a value; put text in double quotes"},
    {"long_word", "{\"a\": " + std::string(5000, 'x') + "}",
     "1:7: unexpected text, expected a value; put text in double quotes"},
    {"deep_lists", "{\"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}",
     "1:107: nested deeper than 100 levels; use fewer levels"},
};

INSTANTIATE_TEST_SUITE_P(All, DamagedText, ::testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ConfigDocument, DepthLimit) {
  const auto nested = [](int levels) {  // inside the object at the top
    const auto n = static_cast<std::size_t>(levels);
    return "{\"a\": " + std::string(n, '[') + std::string(n, ']') + "}";
  };
  EXPECT_EQ(error_of(nested(100)), "no error");
  EXPECT_THAT(error_of(nested(101)), HasSubstr("nested deeper than 100 levels"));
}

// The path of every value is kept: long keys around many values would take the product of both.
TEST(ConfigDocument, LongKeys) {
  const std::string key(4000, 'k');
  std::string ones = "1";
  for (int i = 1; i < 10000; ++i) ones += ",1";
  EXPECT_EQ(error_of("{\"" + key + "\": [" + ones + "]}"), "no error");
  EXPECT_THAT(error_of("{\"" + key + "\": [" + ones + "," + ones + "]}"),
              HasSubstr("the keys around this value are too long"));
  EXPECT_THAT(error_of("{\"" + key + "\": {\"" + key + "\": 1}}"),
              HasSubstr("the keys around this value are too long"));
  EXPECT_EQ(error_of("{\"a\": [" + ones + "," + ones + "]}"), "no error");
}

/// Every prefix of a good file is refused without a crash, since the last bracket is missing.
TEST(ConfigDocument, EveryCutIsAnError) {
  const std::string text =
      "{\"nas\": {\"a\": [1, -2.5e3, true, null], /* c */ \"s\": \"\\u00e4\xC3\xA4\\n\"}, // d\n "
      "\"b\": {}}";
  ASSERT_EQ(error_of(text), "no error");
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(error_of(text.substr(0, size)), StartsWith("p.json:")) << size;
  }
}

/// Random damage: this parser takes what nlohmann::json takes, with the same values, except for
/// duplicate keys, and bad bytes in comments.
TEST(ConfigDocument, AgreesWithTheLibraryOnDamagedText) {
  const std::string text =
      "{\"nas\": {\"a\": [1, -2.5e3, true, null], /* c */ \"s\": \"\\u00e4\xC3\xA4\\n\"}, // d\n "
      "\"b\": {}}";
  const std::string alphabet = "{}[]:,\"\\/*0159-+.eEtrufalsn \n\t\xC3\xA4'#u";
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  int accepted = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = text;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(damaged.size());
      const char c = alphabet[below(alphabet.size())];
      switch (below(3)) {
        case 0:
          damaged[at] = c;
          break;
        case 1:
          damaged.insert(at, 1, c);
          break;
        default:
          damaged.erase(at, 1 + below(4));
      }
    }
    const auto expected = nlohmann::ordered_json::parse(damaged, nullptr, false, true);
    try {
      const ConfigDocument document = parse_config(damaged, "p.json");
      ASSERT_EQ(document.value, expected) << damaged;
      ++accepted;
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      const bool stricter = what.find("appears twice") != std::string::npos ||
                            what.find("is not UTF-8") != std::string::npos ||
                            what.find("expected an object; put") != std::string::npos;
      ASSERT_TRUE(expected.is_discarded() || stricter) << damaged << "\n" << what;
      ++refused;
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

class ConfigFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("deneb_config_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::string error_of_file(const std::string& file) {
    try {
      read_config(file);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no error";
  }
  std::filesystem::path folder_;
};

TEST_F(ConfigFile, Reads) {
  const std::string file = folder_ / "p.json";
  std::ofstream(file) << "{\n\"a\": 1}\n";
  const ConfigDocument document = read_config(file);
  EXPECT_EQ(document.file, file);
  EXPECT_EQ(document.value["a"], 1);
  EXPECT_EQ(document.line_of("a"), 2);
}

TEST_F(ConfigFile, NamesTheFileInErrors) {
  const std::string file = folder_ / "p.json";
  std::ofstream(file) << "{\n\"a\": }\n";
  EXPECT_EQ(error_of_file(file), file + ":2:6: unexpected '}', expected a value");
  std::ofstream(file, std::ios::trunc).flush();
  EXPECT_EQ(error_of_file(file), file + ":1:1: the file is empty; expected a JSON object { ... }");
}

TEST_F(ConfigFile, MissingDirectoryAndUnreadable) {
  const std::string missing = folder_ / "missing.json";
  EXPECT_THAT(error_of_file(missing),
              StartsWith(missing + ": cannot be read (No such file or directory)"));
  EXPECT_THAT(error_of_file(folder_),
              StartsWith(folder_.string() + ": is a directory, expected a file"));
  const std::string file = folder_ / "p.json";
  std::ofstream(file) << "{}";
  std::filesystem::permissions(file, std::filesystem::perms::none);
  if (::geteuid() != 0) {
    EXPECT_THAT(error_of_file(file), HasSubstr("cannot be read (Permission denied)"));
  }
  // Opens, but cannot be read.
  EXPECT_THAT(error_of_file("/proc/self/mem"), StartsWith("/proc/self/mem:"));
}

}  // namespace
}  // namespace deneb
