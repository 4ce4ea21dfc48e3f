#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "unit/store/store_fixture.h"

namespace deneb {
namespace {

/// Body of the process that is killed: trials without end, each reported when it is stored.
[[noreturn]] void write_trials(const std::string& path, int report_fd, std::int64_t first,
                               const ResultRow& begun, const ResultRow& ended) {
  try {
    TrialStore store(path);
    store.begin_step("nas", "SearchPipeStep");
    ResultRow begin = begun, end = ended;
    EpochRow epoch;
    epoch.metrics = {{"accuracy", 0.5}};
    for (std::int64_t id = first;; ++id) {
      begin.id = end.id = id;
      store.begin_trial(begin);
      std::vector<EpochRow> epochs(3, epoch);
      for (int e = 0; e < 3; ++e) epochs[static_cast<std::size_t>(e)].epoch = e + 1;
      store.set_epochs("nas", id, epochs);
      store.finish_trial(end);
      if (::write(report_fd, &id, sizeof(id)) != sizeof(id)) _exit(2);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  _exit(1);
}

// kill -9 at twelve moments: what was reported as stored is there, complete, and nothing is in it
// by half. Each round goes on in the file that the killed process left.
TEST_F(StoreTest, SurvivesKill9) {
  std::mt19937 rng(20);
  std::int64_t last = 0;
  for (int round = 0; round < 12; ++round) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(fds[0]);
      write_trials(path_, fds[1], last + 1, trial(1), finished(1, 0.5));
    }
    ::close(fds[1]);
    // The first rounds hit the making of the file, the later ones the writing.
    std::int64_t reported = 0;
    const unsigned wanted = round < 4 ? 0 : 1 + rng() % 10;
    for (unsigned i = 0; i < wanted; ++i) {
      ASSERT_EQ(::read(fds[0], &reported, sizeof(reported)), ssize_t(sizeof(reported)));
    }
    ::usleep(rng() % 8000);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself, status " << status;
    for (std::int64_t id = 0; ::read(fds[0], &id, sizeof(id)) == sizeof(id);) reported = id;
    ::close(fds[0]);

    const TrialStore store(path_);
    const auto rows = store.trials("nas");
    const auto count = static_cast<std::int64_t>(rows.size());
    ASSERT_GE(count, reported);
    ASSERT_LE(count, std::max(reported, last) + 1);
    std::int64_t unfinished = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const ResultRow& row = rows[static_cast<std::size_t>(i)];
      ASSERT_EQ(row.id, i + 1);
      const auto epochs = store.epochs("nas", row.id).size();
      if (row.status == "finished") {
        ASSERT_EQ(row.metrics.size(), 2u);
        ASSERT_EQ(epochs, 3u);
      } else {
        ASSERT_EQ(row.status, "running");
        ASSERT_TRUE(epochs == 0 || epochs == 3) << epochs;
        ASSERT_GT(row.id, reported);
        ++unfinished;
      }
    }
    ASSERT_LE(unfinished, 1);
    last = count - unfinished;
  }
  EXPECT_GE(last, 8);
}

}  // namespace
}  // namespace deneb
