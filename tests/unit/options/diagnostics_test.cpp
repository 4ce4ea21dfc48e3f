#include <deneb/options/config.h>
#include <gtest/gtest.h>

namespace deneb {
namespace {

TEST(Diagnostics, PrintsInFileOrderAndAssignmentsLast) {
  Diagnostics diagnostics;
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_NO_THROW(diagnostics.throw_if_any("p.json"));
  diagnostics.add({"late", 0, "from the command line", true});
  diagnostics.add("b", "second", 20);
  diagnostics.add("a", "first", 3);
  diagnostics.add("c", "also second", 20);
  diagnostics.add("", "about the file");
  EXPECT_EQ(diagnostics.text("p.json"),
            "p.json: about the file\n"
            "p.json:3: a: first\n"
            "p.json:20: b: second\n"
            "p.json:20: c: also second\n"
            "--set late: from the command line");
  EXPECT_EQ(diagnostics.problems()[1].path, "b");  // as added
  try {
    diagnostics.throw_if_any("p.json");
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.what(), diagnostics.text("p.json"));
    EXPECT_EQ(error.exit_code(), kExitConfig);
  }
}

TEST(Diagnostics, WithoutFile) {
  Diagnostics diagnostics;
  diagnostics.add("a.b", "wrong");
  EXPECT_EQ(diagnostics.text(""), "a.b: wrong");
}

TEST(Diagnostics, LooksLinesUp) {
  ConfigDocument document = parse_config("{\n \"nas\": {\n  \"epochs\": 1\n }\n}", "p.json");
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  diagnostics.add("nas.epochs", "bad");
  diagnostics.add("nas.network", "missing");      // nearest ancestor
  diagnostics.add("other[3].x", "unknown");       // the document
  diagnostics.add("nas.epochs", "elsewhere", 9);  // a given line wins
  apply_assignment(document, "nas.lr=2", diagnostics);
  diagnostics.add("nas.lr", "too large");
  diagnostics.set_lines(nullptr);
  diagnostics.add("nas.epochs", "no document");
  EXPECT_EQ(diagnostics.text("p.json"),
            "p.json: nas.epochs: no document\n"
            "p.json:1: other[3].x: unknown\n"
            "p.json:2: nas.network: missing\n"
            "p.json:3: nas.epochs: bad\n"
            "p.json:9: nas.epochs: elsewhere\n"
            "--set nas.lr: too large");
}

TEST(Diagnostics, DocumentWithoutLinesIsNoAssignment) {
  ConfigDocument document;
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  diagnostics.add("a", "wrong");
  EXPECT_EQ(diagnostics.text("f"), "f: a: wrong");
}

}  // namespace
}  // namespace deneb
