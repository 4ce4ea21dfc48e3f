#include <deneb/quant/format.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deneb {
namespace {

using testing::HasSubstr;

TEST(Format, EveryFormatSurvivesPrintingAndParsing) {
  int n = 0;
  const auto check = [&n](const Format& format) {
    EXPECT_EQ(Format::parse(format.text()), format) << format.text();
    ++n;
  };
  check(Format::float32());
  for (int bits = 1; bits <= 16; ++bits) {
    check(Format::integer(bits, true));
    check(Format::integer(bits, false));
  }
  for (int e = 1; e <= 8; ++e) {
    for (int m = 0; m <= 10; ++m) check(Format::small_float(e, m));
  }
  EXPECT_EQ(n, 1 + 32 + 88);
}

TEST(Format, Fields) {
  const Format none = Format::parse("float32");
  EXPECT_TRUE(none.is_float32());
  EXPECT_TRUE(none.is_signed());
  EXPECT_FALSE(none.is_integer());
  EXPECT_EQ(none.bits, 32);
  EXPECT_EQ(none, Format{});

  const Format int4 = Format::parse("int4");
  EXPECT_EQ(int4.kind, Format::Kind::kInt);
  EXPECT_EQ(int4.bits, 4);
  EXPECT_TRUE(int4.is_signed());
  EXPECT_TRUE(int4.is_integer());

  const Format uint16 = Format::parse("uint16");
  EXPECT_EQ(uint16.bits, 16);
  EXPECT_FALSE(uint16.is_signed());
  EXPECT_TRUE(uint16.is_integer());

  const Format e4m3 = Format::parse("e4m3");
  EXPECT_EQ(e4m3.kind, Format::Kind::kSmallFloat);
  EXPECT_EQ(e4m3.bits, 8);
  EXPECT_EQ(e4m3.exponent_bits, 4);
  EXPECT_EQ(Format::parse("bfloat16").text(), "e8m7");
  EXPECT_EQ(e4m3.mantissa_bits, 3);
  EXPECT_TRUE(e4m3.is_signed());
  EXPECT_FALSE(e4m3.is_integer());
  EXPECT_EQ(Format::parse("e8m10").bits, 19);
}

TEST(Format, ComparesEveryField) {
  EXPECT_NE(Format::parse("int4"), Format::parse("uint4"));
  EXPECT_NE(Format::parse("int4"), Format::parse("int5"));
  EXPECT_NE(Format::parse("e4m3"), Format::parse("e3m4"));  // both of 8 bits
  EXPECT_NE(Format::parse("e4m3"), Format::parse("int8"));
  EXPECT_FALSE(Format::parse("e5m2") != Format::parse("e5m2"));
}

class BadWord : public testing::TestWithParam<const char*> {};

TEST_P(BadWord, IsRefusedWithTheAcceptedForms) {
  try {
    Format::parse(GetParam());
    FAIL() << "accepted '" << GetParam() << "'";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("expected float32, bfloat16 (e8m7), int1 .. int16"));
    EXPECT_THAT(e.what(), HasSubstr(std::string("'") + GetParam() + "'"));
  }
}

INSTANTIATE_TEST_SUITE_P(Words, BadWord,
                         testing::Values("", "int", "uint", "4", "float", "float16", "float32 ",
                                         "Int4", "INT4", "int4 ", " int4", "int 4", "int+4",
                                         "int-4", "int04", "int4x", "int100", "int4.0", "uint-1",
                                         "e", "m", "e4", "m3", "e4m", "em3", "e4m3m", "e 4m3",
                                         "e4m+3", "e4m03", "e04m3", "e4m3 ", "E4M3", "exm3"));

TEST(Format, NumbersOutOfRangeAreNamed) {
  const auto text = [](const char* word) -> std::string {
    try {
      Format::parse(word);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(text("int0"), HasSubstr("got 0 bits, expected 1 .. 16"));
  EXPECT_THAT(text("int17"), HasSubstr("got 17 bits, expected 1 .. 16"));
  EXPECT_THAT(text("uint32"), HasSubstr("write float32"));
  EXPECT_THAT(text("e0m3"), HasSubstr("got e0m3"));
  EXPECT_THAT(text("e9m3"), HasSubstr("1 .. 8 exponent bits"));
  EXPECT_THAT(text("e4m11"), HasSubstr("0 .. 10 mantissa bits"));
  EXPECT_THROW(Format::integer(-1, true), ConfigError);
  EXPECT_THROW(Format::small_float(4, -1), ConfigError);
}

}  // namespace
}  // namespace deneb
