#include <gtest/gtest.h>

#include <deneb/pipeline/console_table.h>

namespace deneb {
namespace {

TEST(ConsoleTable, AlignsNumbersRightAndTextLeft) {
  EXPECT_EQ(console_table({"policy", "accuracy", "bitops", "widths"},
                          {{"3", "0.9125", "1.2e+09", "w 48 a 88"},
                           {"12", "0.5", "", "w 4"},
                           {"uniform", "-1", "12", ""}}),
            "policy   accuracy   bitops  widths\n"
            "-------  --------  -------  ---------\n"
            "3          0.9125  1.2e+09  w 48 a 88\n"
            "12            0.5           w 4\n"
            "uniform        -1       12\n");
}

TEST(ConsoleTable, NoRowsAndNoColumns) {
  EXPECT_EQ(console_table({"a", "b"}, {}), "a  b\n-  -\n");
  EXPECT_EQ(console_table({}, {}), "\n\n");
}

TEST(ConsoleTable, RowsOfAnotherLength) {
  EXPECT_EQ(console_table({"a", "b"}, {{"x"}, {"1", "2", "3"}}), "a  b\n-  -\nx\n1  2\n");
}

TEST(ConsoleTable, CountsCharactersNotBytes) {
  EXPECT_EQ(console_table({"name", "n"}, {{"\xc3\xa9t\xc3\xa9", "1"}}),
            "name  n\n----  -\n\xc3\xa9t\xc3\xa9   1\n");
}

TEST(ConsoleTable, KeepsARowOnOneLine) {
  EXPECT_EQ(console_table({"m\tx", "n"}, {{"a\r\nb\x1b[2J", "1"}}),
            "m x       n\n--------  -\na  b [2J  1\n");
}

TEST(ConsoleTable, LeavesRowsOutAndSaysSo) {
  const std::vector<std::vector<std::string>> rows = {{"1"}, {"2"}, {"long text"}};
  EXPECT_EQ(console_table({"n"}, rows, 2), "n\n-\n1\n2\n... and 1 more\n");
  EXPECT_EQ(console_table({"n"}, rows, 3), "n\n---------\n1\n2\nlong text\n");
}

}  // namespace
}  // namespace deneb
