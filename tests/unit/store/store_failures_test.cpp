#include <gmock/gmock.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <deneb/io/files.h>

#include "unit/store/store_fixture.h"

namespace deneb {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
constexpr auto kReadOnly = TrialStore::Mode::kReadOnly;

void run_sql(const std::string& path, const char* sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(handle);
  sqlite3_close(handle);
}

TEST_F(StoreTest, RefusesAFileThatIsNoDatabase) {
  const std::string text(5000, 'x');
  write_file_atomically(path_, text);
  for (const auto mode : {TrialStore::Mode::kReadWrite, kReadOnly}) {
    EXPECT_THAT(error_of([&] { TrialStore store(path_, mode); }),
                AllOf(StartsWith(path_), HasSubstr("file is not a database"),
                      HasSubstr("no store of a Deneb task")));
  }
  EXPECT_EQ(read_file(path_), text);
}

TEST_F(StoreTest, RefusesTheDatabaseOfAnotherProgram) {
  run_sql(path_, "CREATE TABLE bookmarks (url TEXT)");
  const std::string before = read_file(path_);
  for (const auto mode : {TrialStore::Mode::kReadWrite, kReadOnly}) {
    EXPECT_THAT(error_of([&] { TrialStore store(path_, mode); }),
                HasSubstr("SQLite database of another program"));
  }
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(StoreTest, RefusesANewerLayout) {
  { TrialStore store(path_); }
  run_sql(path_, "PRAGMA user_version = 4");
  for (const auto mode : {TrialStore::Mode::kReadWrite, kReadOnly}) {
    EXPECT_THAT(error_of([&] { TrialStore store(path_, mode); }),
                AllOf(HasSubstr("newer Deneb"), HasSubstr("store version 4")));
  }
}

TEST_F(StoreTest, ConvertsOlderLayouts) {
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    store.begin_trial(trial(1));
    EpochRow epoch;
    epoch.epoch = 1;
    epoch.train_loss = 2.5;
    store.set_epochs("nas", 1, {epoch});
  }
  run_sql(path_, "DROP TABLE retries");
  run_sql(path_, "PRAGMA user_version = 2");
  EXPECT_EQ(TrialStore(path_, kReadOnly).retried_from("nas"), 0);  // this one is read as it is
  run_sql(path_, "ALTER TABLE epochs DROP COLUMN penalty");
  run_sql(path_, "PRAGMA user_version = 1");
  EXPECT_THAT(error_of([&] { TrialStore store(path_, kReadOnly); }),
              AllOf(HasSubstr("older Deneb"), HasSubstr("store version 1")));
  EXPECT_EQ(TrialStore(path_).retry_failed("nas"), 0);
  const TrialStore store(path_, kReadOnly);
  ASSERT_EQ(store.epochs("nas", 1).size(), 1u);
  EXPECT_EQ(store.epochs("nas", 1)[0].train_loss, 2.5);
  EXPECT_EQ(store.epochs("nas", 1)[0].penalty, 0);
}

TEST_F(StoreTest, ReportsADamagedFile) {
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
    for (int id = 1; id <= 200; ++id) store.begin_trial(trial(id));
  }
  std::string bytes = read_file(path_);
  ASSERT_GT(bytes.size(), 8u * 4096);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 37);
  write_file_atomically(path_, bytes);
  EXPECT_THAT(error_of([&] { TrialStore(path_).trials("nas"); }),
              AllOf(StartsWith(path_), HasSubstr("damaged")));
}

TEST_F(StoreTest, ReportsDamagedJson) {
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
  }
  run_sql(path_, "UPDATE steps SET info = '{\"cut\":'");
  EXPECT_THAT(error_of([&] { TrialStore(path_).steps(); }), HasSubstr("damaged JSON"));
}

TEST_F(StoreTest, AnEmptyFileIsFilledByTheWriterAndRefusedByAReader) {
  { std::ofstream make(path_); }
  EXPECT_THAT(error_of([&] { TrialStore store(path_, kReadOnly); }),
              HasSubstr("holds no task yet"));
  {
    TrialStore store(path_);
    store.begin_step("nas", "SearchPipeStep");
  }
  EXPECT_EQ(TrialStore(path_, kReadOnly).steps().size(), 1u);
}

TEST_F(StoreTest, MissingFilesAndFolders) {
  EXPECT_THAT(error_of([&] { TrialStore store(path_, kReadOnly); }),
              AllOf(HasSubstr("not found"), HasSubstr("deneb run")));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THAT(error_of([&] { TrialStore store(folder_ + "/no/such/task.sqlite"); }),
              AllOf(HasSubstr("unable to open database file"), HasSubstr("task folder exists")));
}

TEST_F(StoreTest, AFinishedTaskIsReadFromAFolderWithoutWritePermission) {
  // Characters with a meaning in URIs must not confuse the way in.
  const std::string archive = folder_ + "/a b?c#d%41";
  const std::string path = archive + "/task.sqlite";
  make_directories(archive);
  {
    TrialStore store(path);
    store.begin_step("nas", "SearchPipeStep");
    store.begin_trial(trial(1));
  }
  ASSERT_FALSE(std::filesystem::exists(path + "-wal"));
  ASSERT_EQ(::chmod(archive.c_str(), 0555), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // root may write everywhere: become someone else
    if (::getuid() == 0 && (::chmod(folder_.c_str(), 0755) != 0 || ::setuid(65534) != 0)) _exit(3);
    const std::string error =
        error_of([&] { _exit(TrialStore(path, kReadOnly).trials("nas").size() == 1 ? 0 : 1); });
    std::fprintf(stderr, "%s\n", error.c_str());
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::chmod(archive.c_str(), 0755);
}

/// Makes `folder` a file system of 1 MB in a mount namespace of this process; where that is not
/// allowed, limits the size of files to the same. Both end when the process does.
bool make_disk_small(const std::string& folder) {
  constexpr rlim_t kBytes = 1024 * 1024;
  if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1m") == 0) {
    return true;
  }
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{kBytes, kBytes};
  return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/// Writes until the disk is full. Returns what was wrong, "" = all right.
std::string fill_disk(const std::string& path, const ResultRow& begun, const ResultRow& row) {
  std::int64_t stored = 0;
  std::string message = "no error";
  {
    TrialStore store(path);
    store.begin_step("nas", "SearchPipeStep");
    ResultRow trial = begun, end = row;
    end.message = std::string(4000, 'm');
    try {
      for (std::int64_t id = 1; id <= 1000; ++id) {
        trial.id = end.id = id;
        store.begin_trial(trial);
        store.finish_trial(end);
        stored = id;
      }
    } catch (const RunError& e) {
      message = e.what();
    }
    if (message.rfind(path, 0) != 0 || message.find("free some space") == std::string::npos) {
      return "unexpected message: " + message;
    }
    if (stored < 10) return "only " + std::to_string(stored) + " trials fit";
    // The store still answers after the failure.
    if (store.trials("nas").size() < static_cast<std::size_t>(stored)) return "trials were lost";
  }
  for (const ResultRow& found : TrialStore(path, kReadOnly).trials("nas")) {
    const bool complete = found.status == "finished" && found.message.size() == 4000;
    if (found.id <= stored && !complete) return "a stored trial is gone";
    if (found.id > stored && found.status == "finished") return "half a trial is there";
  }
  return "";
}

TEST_F(StoreTest, AFullDiskLosesNothingThatWasStored) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!make_disk_small(folder_)) _exit(3);
    std::string wrong;
    try {
      wrong = fill_disk(path_, trial(1), finished(1, 0.5));
    } catch (const std::exception& e) {
      wrong = e.what();
    }
    std::fprintf(stderr, "%s", wrong.c_str());
    _exit(wrong.empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace deneb
