#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include <deneb/data/data_path.h>

#include "scratch_folder.h"

namespace deneb {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// Sets or removes an environment variable while alive.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

std::string missing(const std::string& path) {
  return text_of<DataError>([&] { throw_missing_data(path, "mnist"); });
}
std::string damaged(const std::string& path) {
  return text_of<DataError>([&] { throw_damaged_data(path, "3 bytes, expected 4", "mnist"); });
}

TEST(DataPath, OrderOfTheRules) {
  const Variable home("HOME", "/home/me");
  const Variable no_cache("XDG_CACHE_HOME", nullptr), no_data("DENEB_DATA", nullptr);
  EXPECT_EQ(data_directory("", "mnist"), "/home/me/.cache/deneb/data/mnist");
  const Variable cache("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(data_directory("", "mnist"), "/cache/deneb/data/mnist");
  const Variable data("DENEB_DATA", "/data");
  EXPECT_EQ(data_directory("", "mnist"), "/data/mnist");
  EXPECT_EQ(data_directory("here", "mnist"), "here");
  const Variable empty("DENEB_DATA", "");
  EXPECT_EQ(data_directory("", "mnist"), "/cache/deneb/data/mnist");
}

TEST(DataPath, DefaultFolderNeedsThePlainCommand) {
  const Variable data("DENEB_DATA", "/data");
  EXPECT_EQ(missing("/data/mnist/x"),
            "/data/mnist/x: not found; get it with `scripts/fetch_data.sh mnist`, or set data_path "
            "to the folder that has it");
  EXPECT_EQ(damaged("/data/mnist/x"),
            "/data/mnist/x: 3 bytes, expected 4; replace it with `scripts/fetch_data.sh mnist`");
  EXPECT_THAT(missing("/data/./mnist//x"), HasSubstr("`scripts/fetch_data.sh mnist`"));
}

TEST(DataPath, OtherFolderOfTheSetsNameNeedsTheDirectory) {
  const Variable data("DENEB_DATA", "/data");
  EXPECT_THAT(missing("/other/mnist/x"),
              HasSubstr("`scripts/fetch_data.sh mnist --dir /other`, or"));
  EXPECT_THAT(damaged("/other/a/../mnist//x"),
              EndsWith("replace it with `scripts/fetch_data.sh mnist --dir /other`"));
  EXPECT_THAT(missing("/my data/mnist/x"), HasSubstr("--dir '/my data'`"));
  const auto here = std::filesystem::current_path().string();
  EXPECT_THAT(missing("mnist/x"), HasSubstr("--dir " + here + "`"));
}

TEST(DataPath, FolderThatTheScriptCannotFill) {
  const Variable data("DENEB_DATA", "/data");
  EXPECT_EQ(missing("/other/digits/x"),
            "/other/digits/x: not found; correct data_path, or leave it out and run "
            "`scripts/fetch_data.sh mnist`");
  EXPECT_EQ(damaged("/other/digits/x"),
            "/other/digits/x: 3 bytes, expected 4; put an intact file there, or leave data_path "
            "out and run `scripts/fetch_data.sh mnist`");
  EXPECT_THAT(missing("/other/digits/x"), Not(HasSubstr("--dir")));
}

}  // namespace
}  // namespace deneb
