#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include <deneb/io/artifact.h>
#include <deneb/io/files.h>
#include <fcntl.h>

#include "io/atomic_file.h"
#include "scratch_folder.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t entries(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// While alive, this process cannot write files beyond so many bytes: what a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST(Files, RoundTripOfAllBytesAndSizes) {
  const ScratchFolder folder;
  for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 3000000u}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 % 251);
    write_file_atomically(folder / "file", bytes);
    EXPECT_EQ(read_file(folder / "file"), bytes) << size;
  }
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, ReadsFilesWithoutAKnownSize) {
  EXPECT_THAT(read_file("/proc/self/status"), StartsWith("Name:"));
  EXPECT_EQ(read_file("/dev/null"), "");
}

TEST(Files, CreatesParentFoldersAndNeedsNoParent) {
  const ScratchFolder folder;
  write_file_atomically(folder / "a/b/c.txt", "x");
  EXPECT_EQ(read_file(folder / "a/b/c.txt"), "x");
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomically("plain.txt", "y");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder / "plain.txt"), "y");
}

TEST(Files, ReadErrorsNameFileAndReason) {
  const ScratchFolder folder;
  EXPECT_THAT(text_of<DataError>([&] { read_file(folder / "none"); }),
              AllOf(StartsWith(folder / "none: "), HasSubstr("No such file or directory")));
  EXPECT_THAT(text_of<DataError>([&] { read_file(folder.path()); }),
              HasSubstr("is a directory, expected a file"));
  // Opens, but cannot be read.
  EXPECT_THAT(text_of<DataError>([&] { read_file("/proc/self/mem"); }),
              HasSubstr("reading failed (Input/output error)"));
  if (::geteuid() != 0) {
    write_file_atomically(folder / "secret", "x");
    ::chmod((folder / "secret").c_str(), 0);
    EXPECT_THAT(text_of<DataError>([&] { read_file(folder / "secret"); }),
                HasSubstr("Permission denied"));
  }
}

TEST(Files, FullDiskLeavesTheOldFile) {
  const ScratchFolder folder;
  write_file_atomically(folder / "file", "old");
  std::string message;
  {
    const FileSizeLimit limit(10000);
    message =
        text_of<RunError>([&] { write_file_atomically(folder / "file", std::string(50000, 'n')); });
  }
  EXPECT_THAT(message, AllOf(StartsWith(folder / "file: writing failed (File too large)"),
                             HasSubstr("free some space")));
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);  // the part that was written is gone
}

TEST(Files, ReplacingADirectoryFails) {
  const ScratchFolder folder;
  fs::create_directory(folder / "taken");
  EXPECT_THAT(text_of<RunError>([&] { write_file_atomically(folder / "taken", "x"); }),
              HasSubstr("replacing the file failed (Is a directory)"));
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, FolderInPlaceOfFileAndTheOtherWayRound) {
  const ScratchFolder folder;
  write_file_atomically(folder / "file", "x");
  EXPECT_THAT(text_of<RunError>([&] { make_directories(folder / "file"); }),
              AllOf(StartsWith(folder / "file"), HasSubstr("cannot create the folder")));
  EXPECT_THAT(text_of<RunError>([&] { write_file_atomically(folder / "file/below", "x"); }),
              HasSubstr("cannot create the folder"));
  make_directories(folder / "x/y");
  make_directories(folder / "x/y");
  EXPECT_TRUE(fs::is_directory(folder / "x/y"));
}

TEST(Files, CheckWritable) {
  const ScratchFolder folder;
  check_writable(folder / "new/folder");
  EXPECT_EQ(entries(folder / "new/folder"), 0u);
  {
    const FileSizeLimit limit(0);
    EXPECT_THAT(text_of<RunError>([&] { check_writable(folder.path()); }),
                HasSubstr("writing failed"));
  }
  // Nobody, not even root, creates files there.
  EXPECT_THAT(text_of<RunError>([] { check_writable("/proc/self/fdinfo"); }),
              HasSubstr("creating the file failed"));
}

// Readers see the old bytes or the new ones, whoever writes.
TEST(Files, ConcurrentWritersAndReaders) {
  const ScratchFolder folder;
  const std::string path = folder / "shared";
  const std::string a(100000, 'a'), b(70000, 'b');
  write_file_atomically(path, a);
  std::thread writer_a([&] {
    for (int i = 0; i < 20; ++i) write_file_atomically(path, a);
  });
  std::thread writer_b([&] {
    for (int i = 0; i < 20; ++i) write_file_atomically(path, b);
  });
  int torn = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string seen = read_file(path);
    if (seen != a && seen != b) ++torn;
  }
  writer_a.join();
  writer_b.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, LinksStayAndWhatTheyLeadToIsWritten) {
  const ScratchFolder folder;
  write_file_atomically(folder / "there/real", "old");
  fs::create_symlink("there", folder / "into");
  fs::create_symlink("into/real", folder / "relative");
  fs::create_symlink(folder / "relative", folder / "absolute");
  ::chmod((folder / "there/real").c_str(), 0640);
  for (const char* name : {"relative", "absolute", "into/real"}) {
    write_file_atomically(folder / name, name);
    EXPECT_EQ(read_file(folder / "there/real"), name);
  }
  EXPECT_TRUE(fs::is_symlink(folder / "relative"));
  EXPECT_TRUE(fs::is_symlink(folder / "absolute"));
  EXPECT_EQ(entries(folder / "there"), 1u);
  EXPECT_EQ(fs::status(folder / "there/real").permissions(), fs::perms(0640));

  fs::create_symlink("new/file", folder / "dangling");
  write_file_atomically(folder / "dangling", "x");
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
  EXPECT_EQ(read_file(folder / "new/file"), "x");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_THAT(text_of<WriteError>([&] { write_file_atomically(folder / "loop", "x"); }),
              AllOf(StartsWith(folder / "loop: "), HasSubstr("symbolic links")));
  EXPECT_TRUE(fs::is_symlink(folder / "loop"));
}

TEST(Files, PipesAreWrittenTo) {
  const ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  fs::create_hard_link(folder / "pipe", folder / "other_name");
  const std::string bytes(200000, 'p');  // more than a pipe holds
  for (const char* name : {"pipe", "link"}) {
    std::string seen;
    std::thread reader([&] { seen = read_file(folder / "other_name"); });
    write_file_atomically(folder / name, bytes);
    // A writer that put a file in its place would leave the reader waiting.
    const int end = ::open((folder / "other_name").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (end >= 0) ::close(end);
    reader.join();
    EXPECT_TRUE(seen == bytes) << seen.size();
    EXPECT_EQ(entries(folder.path()), 3u);
    EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
  }
}

TEST(Files, DevicesAreWrittenTo) {
  const ScratchFolder folder;
  // By a link, so that nothing of the system is at stake.
  fs::create_symlink("/dev/full", folder / "full");
  fs::create_symlink("/dev/null", folder / "null");
  EXPECT_THAT(text_of<WriteError>([&] { write_file_atomically(folder / "full", "x"); }),
              AllOf(StartsWith(folder / "full: writing failed (No space left on device)"),
                    HasSubstr("free some space")));
  write_file_atomically(folder / "null", "x");
  EXPECT_TRUE(fs::is_symlink(folder / "full"));
  EXPECT_TRUE(fs::is_symlink(folder / "null"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

// /dev/stdout is such a one: what the shell has opened for appending is not replaced.
TEST(Files, OpenDescriptorsAreWrittenTo) {
  const ScratchFolder folder;
  write_file_atomically(folder / "log", "begun ");
  const int log = ::open((folder / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(log, 0);
  const std::string number = std::to_string(log);
  fs::create_symlink("/proc/self/fd/" + number, folder / "link");
  write_file_atomically("/dev/fd/" + number, "then ");
  write_file_atomically(folder / "link", "more");
  ::close(log);
  EXPECT_EQ(read_file(folder / "log"), "begun then more");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_THAT(text_of<WriteError>([&] { write_file_atomically("/dev/fd/" + number, "x"); }),
              HasSubstr("Bad file descriptor"));
}

TEST(Files, NamesOfUnfinishedFiles) {
  for (const char* name : {"a.json.deneb-tmp12-0", ".deneb-tmp.deneb-tmp1-2"}) {
    EXPECT_TRUE(detail::is_unfinished_file(name)) << name;
  }
  for (const char* name :
       {"thesis.tmp1-2", "a.deneb-tmp", "a.deneb-tmp1", "a.deneb-tmp-1", "a.deneb-tmp1-",
        "a.deneb-tmp1-2-3", "a.deneb-tmp1-2b", ".deneb-tmp1-2"}) {
    EXPECT_FALSE(detail::is_unfinished_file(name)) << name;
  }
}

TEST(Artifacts, MoveWithTheirTask) {
  const ScratchFolder folder;
  const std::string step = folder / "task/output/nas";
  make_directories(step);
  write_artifacts(step, {{"policies", step},
                         {"weights", folder / "task/output/first/weights.safetensors"},
                         {"proxy", folder / "shared/proxy.json"}});
  fs::rename(folder / "task", folder / "moved");
  const std::string moved = folder / "moved/output/nas";
  EXPECT_EQ(find_artifact(moved, "policies"), moved);
  EXPECT_EQ(find_artifact(moved, "weights"), folder / "moved/output/first/weights.safetensors");
  EXPECT_EQ(find_artifact(moved, "proxy"), folder / "shared/proxy.json");
}

TEST(Files, PlainNamesStayInTheirFolder) {
  for (const char* name : {"nas", "fully_train", "w3a4_cr12.2", "12", "A-b"}) {
    EXPECT_TRUE(is_plain_file_name(name)) << name;
  }
  for (const char* name :
       {"", ".", "..", "../..", "a/b", "/etc", ".hidden", "-x", "a b", "\xc3\xa4"}) {
    EXPECT_FALSE(is_plain_file_name(name)) << name;
  }
}

}  // namespace
}  // namespace deneb
