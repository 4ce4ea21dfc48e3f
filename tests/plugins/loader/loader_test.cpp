#include <deneb/plugin/loader.h>

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <typeinfo>

#include "counter.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;
using deneb_test::Counter;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string plugin_path(const std::string& name) {
  return std::string(DENEB_TEST_PLUGINS) + "/" + name + ".so";
}

/// A fresh folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "deneb_loader_XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
    path_ = fs::canonical(pattern);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  std::string string() const { return path_.string(); }

 private:
  fs::path path_;
};

class LoaderTest : public testing::Test {
 protected:
  /// Message of the PluginError that loading must end in; checks that nothing got in.
  std::string refusal(const std::string& path) {
    const std::size_t entries_before = registry.entries().size();
    const std::size_t loaded_before = loader.loaded().size();
    std::string message;
    try {
      loader.load_file(path);
      ADD_FAILURE() << path << " was not refused";
    } catch (const Error& e) {
      EXPECT_EQ(e.exit_code(), kExitPlugin);
      EXPECT_EQ(typeid(e), typeid(PluginError));
      message = e.what();
    }
    EXPECT_EQ(registry.entries().size(), entries_before);
    EXPECT_EQ(loader.loaded().size(), loaded_before);
    EXPECT_THAT(message, HasSubstr(path));
    return message;
  }

  std::string refusal_of(const std::string& name) { return refusal(plugin_path(name)); }

  Registry registry;
  PluginLoader loader{registry};
};

// --- a good plugin ------------------------------------------------------------------------------

TEST_F(LoaderTest, LoadsAPluginAndMakesItsObject) {
  loader.load_file(plugin_path("good_plugin"));
  ASSERT_THAT(loader.loaded(), SizeIs(1));
  const LoadedPlugin& info = loader.loaded().front();
  EXPECT_EQ(info.name, "good_plugin");
  EXPECT_EQ(info.version, "1.2.3");
  EXPECT_EQ(info.summary, "a counter for the loader test");
  EXPECT_EQ(info.path, fs::canonical(plugin_path("good_plugin")).string());
  EXPECT_THAT(info.abi_tag, AllOf(HasSubstr("torch"), HasSubstr("_cpp17")));
  EXPECT_THAT(loader.warnings(), IsEmpty());

  const RegistryEntry& entry = registry.at("test_kind", "PluginCounter");
  EXPECT_EQ(entry.plugin, "good_plugin");
  EXPECT_EQ(entry.help, "counts for the loader test");
  const auto counter = registry.make<Counter>({"PluginCounter", {{"factor", 3}}});
  EXPECT_EQ(counter->count(2), 6);
  EXPECT_EQ(counter->count(1), 9);
}

TEST_F(LoaderTest, SameFileTwiceIsLoadedOnce) {
  Folder folder;
  const fs::path link = folder / "other_name.so";
  fs::create_symlink(fs::canonical(plugin_path("good_plugin")), link);
  loader.load_file(plugin_path("good_plugin"));
  loader.load_file(plugin_path("good_plugin"));
  loader.load_file(link.string());
  EXPECT_THAT(loader.loaded(), SizeIs(1));
  EXPECT_THAT(registry.entries(), SizeIs(1));
}

TEST_F(LoaderTest, DynamicCastReachesTheSiblingInterface) {
  loader.load_file(plugin_path("good_plugin"));
  const auto counter = registry.make<Counter>({"PluginCounter", {{"label", "left"}}});
  const auto* labeled = dynamic_cast<deneb_test::Labeled*>(counter.get());
  ASSERT_NE(labeled, nullptr);
  EXPECT_EQ(labeled->label(), "left");
}

TEST_F(LoaderTest, ExceptionsCrossTheBorderWithTheirTypes) {
  loader.load_file(plugin_path("good_plugin"));
  const auto counter = registry.make<Counter>({"PluginCounter", {}});
  EXPECT_THROW(counter->fail("config"), ConfigError);
  EXPECT_THROW(counter->fail("own config"), ConfigError);
  EXPECT_THROW(counter->fail("own"), deneb_test::CounterError);
  EXPECT_THROW(counter->fail("std"), std::invalid_argument);
  EXPECT_THROW(counter->fail("torch"), c10::Error);
  EXPECT_THROW(counter->fail("int"), int);
}

TEST_F(LoaderTest, GuardLetsNoExceptionOfThePluginOut) {
  loader.load_file(plugin_path("good_plugin"));
  const auto counter = registry.make<Counter>({"PluginCounter", {}});
  const auto guarded = [&](const std::string& how) -> std::string {
    try {
      guard("good_plugin", "run", [&] { counter->fail(how); });
    } catch (const ConfigError& e) {
      EXPECT_EQ(typeid(e), typeid(ConfigError));  // not the plugin's private subclass
      return std::string("config: ") + e.what();
    } catch (const PluginError& e) {
      EXPECT_EQ(typeid(e), typeid(PluginError));
      return e.what();
    }
    return "nothing";
  };
  EXPECT_EQ(guarded("config"), "config: a config error of the plugin");
  EXPECT_EQ(guarded("own config"), "config: a private config error");
  EXPECT_EQ(guarded("own"), "plugin 'good_plugin' failed in run: a counter error");
  EXPECT_EQ(guarded("std"), "plugin 'good_plugin' failed in run: an invalid argument");
  EXPECT_THAT(guarded("torch"),
              AllOf(HasSubstr("failed in run: a LibTorch error"), Not(HasSubstr("frame #"))));
  EXPECT_THAT(guarded("int"), HasSubstr("no std::exception"));
}

TEST_F(LoaderTest, AConstructorThatThrowsIsAPluginError) {
  loader.load_file(plugin_path("good_plugin"));
  try {
    registry.make<Counter>({"PluginCounter", {{"refuse", true}}});
    FAIL() << "the constructor's exception is gone";
  } catch (const PluginError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("good_plugin"), HasSubstr("PluginCounter"),
                                HasSubstr("this counter was told to refuse")));
  }
}

TEST(LoaderLifetime, ObjectOutlivesRegistryAndLoader) {
  bool destroyed = false;
  std::shared_ptr<Counter> counter;
  {
    Registry registry;
    PluginLoader loader(registry);
    loader.load_file(plugin_path("good_plugin"));
    counter = registry.make<Counter>({"PluginCounter", {{"factor", 5}}});
  }
  counter->on_destroy([&] { destroyed = true; });
  EXPECT_EQ(counter->count(2), 10);
  EXPECT_FALSE(destroyed);
  counter.reset();
  EXPECT_TRUE(destroyed);
}

TEST_F(LoaderTest, AnotherCompilerVersionIsOnlyAWarning) {
  loader.load_file(plugin_path("other_compiler"));
  ASSERT_THAT(loader.loaded(), SizeIs(1));
  EXPECT_THAT(loader.loaded().front().warnings, SizeIs(1));
  EXPECT_THAT(loader.warnings(),
              ElementsAre(AllOf(HasSubstr("other_compiler.so"), HasSubstr("built with gxx99"))));
}

// --- check 1: the file --------------------------------------------------------------------------

TEST_F(LoaderTest, RefusesAMissingFile) {
  EXPECT_THAT(refusal("/nowhere/at_all.so"),
              AllOf(HasSubstr("No such file or directory"), HasSubstr("--plugin")));
}

TEST_F(LoaderTest, RefusesAFolderAsFile) {
  Folder folder;
  EXPECT_THAT(refusal(folder.string()), HasSubstr("is no regular file"));
}

TEST_F(LoaderTest, RefusesAFileThatIsNotElf) {
  Folder folder;
  for (const std::string text : {"", "x",
                                 "\x7f"
                                 "EL",
                                 "#!/bin/sh\necho no plugin\n"}) {
    const std::string path = folder / "text.so";
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_THAT(refusal(path), HasSubstr("is no ELF shared object"));
  }
}

TEST_F(LoaderTest, RefusesATruncatedFileAtEveryLength) {
  Folder folder;
  std::ifstream in(plugin_path("good_plugin"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(whole.size(), 4096u);
  const std::string path = folder / "cut.so";
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{16}, std::size_t{63}, std::size_t{64}, std::size_t{200},
        std::size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    EXPECT_THAT(refusal(path), HasSubstr("is cut short or damaged")) << size << " bytes";
  }
}

// --- checks 2 and 3: the entry symbol -----------------------------------------------------------

TEST_F(LoaderTest, RefusesASharedObjectWithoutEntry) {
  EXPECT_THAT(refusal_of("bad_no_entry"),
              AllOf(HasSubstr("not a Deneb plugin"), HasSubstr("DENEB_PLUGIN(")));
}

TEST_F(LoaderTest, RefusesAnotherApiBeforeAnyCodeRuns) {
  unsetenv("DENEB_TEST_BAD_API_RAN");
  EXPECT_THAT(refusal_of("bad_api"),
              AllOf(HasSubstr("plugin API 99 instead of 1"), HasSubstr("rebuild it against")));
  EXPECT_EQ(std::getenv("DENEB_TEST_BAD_API_RAN"), nullptr);
}

TEST_F(LoaderTest, RefusesAnotherLibTorch) {
  EXPECT_THAT(refusal_of("bad_torch"),
              AllOf(HasSubstr("was built as deneb_plugin_v1_torch9_8_"),
                    HasSubstr("LibTorch 9.8 instead of "), HasSubstr("rebuild it against")));
}

TEST_F(LoaderTest, RefusesTheOtherLibstdcxxAbi) {
  EXPECT_THAT(refusal_of("bad_cxx11abi"), HasSubstr("libstdc++ C++11 ABI "));
}

// --- check 4: loading ---------------------------------------------------------------------------

TEST_F(LoaderTest, RefusesAnUndefinedSymbol) {
  EXPECT_THAT(refusal_of("bad_undefined"),
              AllOf(HasSubstr("undefined symbol"), HasSubstr("deneb_test::nowhere_defined(int)"),
                    HasSubstr("LIBRARIES"), Not(HasSubstr("Bad file descriptor"))));
}

TEST_F(LoaderTest, RefusesAMissingDependency) {
  EXPECT_THAT(refusal_of("bad_dependency"),
              AllOf(HasSubstr("libtest_gone.so: cannot open shared object file"),
                    HasSubstr("install what is missing"), Not(HasSubstr("Bad file descriptor"))));
}

// --- check 5: the manifest ----------------------------------------------------------------------

TEST_F(LoaderTest, RefusesAWrongMagicNumber) {
  EXPECT_THAT(refusal_of("bad_magic"), HasSubstr("magic number 0x12345678 instead of 0x424e4544"));
}

TEST_F(LoaderTest, RefusesAShortManifest) {
  EXPECT_THAT(refusal_of("bad_size"), HasSubstr("bytes, expected at least"));
}

TEST_F(LoaderTest, RefusesANewerMinorApi) {
  EXPECT_THAT(refusal_of("bad_minor"),
              AllOf(HasSubstr("needs plugin API 1.7"), HasSubstr("install a newer Deneb")));
}

TEST_F(LoaderTest, RefusesAnotherCppStandard) {
  EXPECT_THAT(refusal_of("bad_standard"),
              AllOf(HasSubstr("was built with C++20, this Deneb with C++17"),
                    HasSubstr("CXX_STANDARD 17")));
}

TEST_F(LoaderTest, RefusesAnotherLibstdcxxAbiInTheTag) {
  EXPECT_THAT(refusal_of("bad_tag_cxx11abi"), HasSubstr("_GLIBCXX_USE_CXX11_ABI=7"));
}

TEST_F(LoaderTest, RefusesATagThatItCannotRead) {
  EXPECT_THAT(refusal_of("bad_tag"), HasSubstr("the ABI tag 'made by hand'"));
}

TEST_F(LoaderTest, RefusesAnEmptyName) {
  EXPECT_THAT(refusal_of("bad_name"), HasSubstr("a manifest with an empty field"));
}

// --- checks 6 and 7: registration ---------------------------------------------------------------

TEST_F(LoaderTest, RefusesARegistrationThatThrows) {
  EXPECT_THAT(refusal_of("bad_throws_std"),
              AllOf(HasSubstr("cannot be registered"), HasSubstr("register_all"),
                    HasSubstr("the sky is falling")));
  EXPECT_THAT(refusal_of("bad_throws_torch"),
              AllOf(HasSubstr("no such operator"), Not(HasSubstr("frame #"))));
  EXPECT_THAT(refusal_of("bad_throws_config"), HasSubstr("a config error at the wrong place"));
  EXPECT_THAT(refusal_of("bad_throws_int"), HasSubstr("no std::exception"));
  EXPECT_EQ(registry.find("test_kind", "FirstOfTwo"), nullptr);
}

TEST_F(LoaderTest, ADuplicateClassCommitsNothing) {
  loader.load_file(plugin_path("good_plugin"));
  EXPECT_THAT(refusal_of("bad_duplicate"),
              AllOf(HasSubstr("test_kind 'PluginCounter'"), HasSubstr("plugin 'bad_register'"),
                    HasSubstr("plugin 'good_plugin'")));
  EXPECT_EQ(registry.find("test_kind", "FirstOfTwo"), nullptr);
  EXPECT_EQ(registry.at("test_kind", "PluginCounter").plugin, "good_plugin");
}

TEST_F(LoaderTest, AClassRegisteredTwiceByOnePluginCommitsNothing) {
  EXPECT_THAT(refusal_of("bad_twice"), HasSubstr("test_kind 'FirstOfTwo' twice"));
  EXPECT_THAT(registry.entries(), IsEmpty());
}

TEST_F(LoaderTest, TwoFilesWithOnePluginNameAreNamedBoth) {
  loader.load_file(plugin_path("good_plugin"));
  EXPECT_THAT(refusal_of("bad_same_name"),
              AllOf(HasSubstr(fs::canonical(plugin_path("good_plugin")).string()),
                    HasSubstr("the same name 'good_plugin'")));
}

// --- folders ------------------------------------------------------------------------------------

TEST_F(LoaderTest, AFolderScanReportsBadFilesAndGoesOn) {
  Folder folder;
  fs::create_directories(folder / "deeper/still");
  fs::copy_file(plugin_path("good_plugin"), folder / "deeper/still/good.so");
  fs::copy_file(plugin_path("bad_magic"), folder / "a_bad.so");
  std::ofstream(folder / "b_text.so") << "text";
  std::ofstream(folder / "readme.txt") << "not looked at";
  fs::create_symlink("nowhere.so", folder / "c_dangling.so");
  loader.load_path(folder.string());

  ASSERT_THAT(loader.loaded(), SizeIs(1));
  EXPECT_EQ(loader.loaded().front().name, "good_plugin");
  ASSERT_THAT(loader.skipped(), SizeIs(3));
  EXPECT_EQ(loader.skipped()[0].path, (folder / "a_bad.so").string());
  EXPECT_THAT(loader.skipped()[0].reason, HasSubstr("magic number"));
  EXPECT_THAT(loader.skipped()[1].reason, HasSubstr("is no ELF shared object"));
  EXPECT_THAT(loader.skipped()[2].reason, HasSubstr("No such file or directory"));
}

TEST_F(LoaderTest, LoadPathTakesAFileAndRefusesWhatIsNotThere) {
  loader.load_path(plugin_path("good_plugin"));
  EXPECT_THAT(loader.loaded(), SizeIs(1));
  EXPECT_THROW(loader.load_path("/nowhere/plugins"), PluginError);
  EXPECT_THROW(loader.load_path(plugin_path("bad_no_entry")), PluginError);
  EXPECT_THAT(loader.skipped(), IsEmpty());
}

}  // namespace
}  // namespace deneb
