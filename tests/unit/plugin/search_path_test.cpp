#include <deneb/plugin/loader.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace deneb {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAreArray;
using testing::HasSubstr;

/// Sets DENEB_PLUGIN_PATH for one test and puts the former value back.
class SearchPathTest : public testing::Test {
 protected:
  SearchPathTest() {
    if (const char* value = std::getenv("DENEB_PLUGIN_PATH")) former_ = value;
    unsetenv("DENEB_PLUGIN_PATH");
  }
  ~SearchPathTest() override {
    unsetenv("DENEB_PLUGIN_PATH");
    if (former_) setenv("DENEB_PLUGIN_PATH", former_->c_str(), 1);
  }
  /// `paths`, then the default folder where this build has one.
  static std::vector<std::string> and_default(std::vector<std::string> paths) {
    if (fs::is_directory(default_plugin_directory())) paths.push_back(default_plugin_directory());
    return paths;
  }

 private:
  std::optional<std::string> former_;
};

TEST_F(SearchPathTest, DefaultLiesBesideTheLibrary) {
  const fs::path directory = default_plugin_directory();
  EXPECT_TRUE(directory.is_absolute());
  EXPECT_EQ(directory.filename(), "plugins");
  EXPECT_EQ(directory.parent_path().filename(), "deneb");
  EXPECT_TRUE(fs::exists(directory.parent_path().parent_path() / "libdeneb.so"));
}

TEST_F(SearchPathTest, OrderIsPipelineCommandLineEnvironmentDefault) {
  setenv("DENEB_PLUGIN_PATH", "/env/one:/env/two", 1);
  EXPECT_THAT(plugin_search_path({"/pipeline/a", "/pipeline/b.so"}, {"/command/c.so"}),
              ElementsAreArray(and_default(
                  {"/pipeline/a", "/pipeline/b.so", "/command/c.so", "/env/one", "/env/two"})));
}

TEST_F(SearchPathTest, EachPathOnceInItsFirstPlace) {
  setenv("DENEB_PLUGIN_PATH", "/b:/a/./x/..", 1);
  EXPECT_THAT(plugin_search_path({"/a/"}, {"/b", "/c"}),
              ElementsAreArray(and_default({"/a", "/b", "/c"})));
}

TEST_F(SearchPathTest, CommandLinePathsAreRelativeToTheWorkingDirectory) {
  EXPECT_THAT(plugin_search_path({}, {"build/x.so"}),
              ElementsAreArray(and_default({(fs::current_path() / "build/x.so").string()})));
}

TEST_F(SearchPathTest, TheWorkingDirectoryIsNeverSearchedByItself) {
  setenv("DENEB_PLUGIN_PATH", ":/env::", 1);  // elsewhere, empty items mean "."
  EXPECT_THAT(plugin_search_path({}, {}), ElementsAreArray(and_default({"/env"})));
  setenv("DENEB_PLUGIN_PATH", "", 1);
  EXPECT_THAT(plugin_search_path({}, {}), ElementsAreArray(and_default({})));
}

TEST_F(SearchPathTest, RelativePathsElsewhereAreErrorsThatNameTheSource) {
  const auto error = [](const std::vector<std::string>& pipeline) -> std::string {
    try {
      plugin_search_path(pipeline, {});
    } catch (const PluginError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(error({"plugins"}), HasSubstr("plugins: 'plugins' is a relative path"));
  setenv("DENEB_PLUGIN_PATH", "/fine:not/fine", 1);
  EXPECT_THAT(error({}), HasSubstr("DENEB_PLUGIN_PATH: 'not/fine' is a relative path"));
  EXPECT_THROW(plugin_search_path({}, {""}), PluginError);
}

}  // namespace
}  // namespace deneb
