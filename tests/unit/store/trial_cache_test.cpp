#include "store/trial_cache.h"

#include <deneb/io/files.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "scratch_folder.h"

namespace deneb::detail {
namespace {

class TrialCacheTest : public ::testing::Test {
 protected:
  TrialCache open() {
    return TrialCache(folder_ / "cache", [this](const std::string& text) { warnings_ += text; });
  }
  const ScratchFolder folder_;
  std::string warnings_;
};

TEST_F(TrialCacheTest, KeepsResultsOverProcesses) {
  {
    TrialCache cache = open();
    EXPECT_FALSE(cache.find("a"));
    cache.add("a", {{"metrics", {{"accuracy", .5}}}});
    EXPECT_EQ((*cache.find("a"))["metrics"]["accuracy"], .5);
    EXPECT_FALSE(cache.find("b"));
  }
  TrialCache again = open();
  EXPECT_EQ((*again.find("a"))["metrics"]["accuracy"], .5);
  again.add("a", {{"metrics", {{"accuracy", .25}}}});
  EXPECT_EQ((*open().find("a"))["metrics"]["accuracy"], .25) << "the last one counts";
  EXPECT_EQ(warnings_, "");
}

TEST_F(TrialCacheTest, SeveralProcessesWriteAtOnce) {
  constexpr int kProcesses = 4, kEach = 50;
  for (int p = 0; p < kProcesses; ++p) {
    if (::fork() != 0) continue;
    std::string warnings;
    {
      TrialCache cache(folder_ / "cache", [&](const std::string& text) { warnings += text; });
      for (int i = 0; i < kEach; ++i) cache.add(std::to_string(p) + "/" + std::to_string(i), i);
    }
    ::_exit(warnings.empty() ? 0 : 1);
  }
  for (int p = 0; p < kProcesses; ++p) {
    int status = 1;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
  TrialCache cache = open();
  for (int p = 0; p < kProcesses; ++p) {
    for (int i = 0; i < kEach; ++i) {
      EXPECT_EQ(cache.find(std::to_string(p) + "/" + std::to_string(i)).value_or(-1), i);
    }
  }
}

TEST_F(TrialCacheTest, DamageIsSaidOnceAndNoFailure) {
  open().add("a", 1);
  const std::string file = folder_ / "cache/trials.sqlite";
  std::filesystem::remove(file + "-wal");
  write_file_atomically(file,
                        "no database, but longer than the header of one, which has a hundred "
                        "bytes and begins with the words SQLite format 3");
  TrialCache cache = open();
  EXPECT_NE(warnings_.find("remove the folder"), std::string::npos) << warnings_;
  const std::string once = warnings_;
  EXPECT_FALSE(cache.find("a"));
  cache.add("a", 2);
  EXPECT_FALSE(cache.find("a"));
  EXPECT_EQ(warnings_, once);
}

TEST_F(TrialCacheTest, OtherFilesAndFoldersThatCannotBeAreLeftAlone) {
  write_file_atomically(folder_ / "cache", "a file where the folder should be");
  TrialCache cache = open();
  EXPECT_NE(warnings_, "");
  EXPECT_FALSE(cache.find("a"));
  EXPECT_EQ(read_file(folder_ / "cache"), "a file where the folder should be");
}

}  // namespace
}  // namespace deneb::detail
