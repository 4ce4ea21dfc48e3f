#include <gmock/gmock.h>

#include <deneb/errors.h>

#include "pipeline/worker_pool.h"

namespace deneb::detail {
namespace {

using ::testing::HasSubstr;
using Requests = std::vector<nlohmann::json>;
using Answer = WorkerPool::Answer;

// A worker in shell: `body` handles the request in $line.
WorkerPool pool_of(const std::string& body, int workers = 1, double timeout = 0) {
  return WorkerPool(
      {"/bin/sh", "-c", "echo '{\"ready\": true}' >&3; while read -r line; do " + body + "; done"},
      workers, timeout);
}

std::string failure_of(const std::string& body, double timeout = 0) {
  WorkerPool pool = pool_of(body, 1, timeout);
  std::string failure;
  pool.run(
      {1}, [](std::size_t) {}, [&](std::size_t, const Answer& a) { failure = a.failure; });
  return failure;
}

TEST(WorkerPool, AnswersRequestsInProcessesOfItsOwn) {
  WorkerPool pool = pool_of("echo \"$line\" >&3", 2);
  std::vector<int> seen;
  pool.run(
      {1, 2, 3, 4, 5}, [](std::size_t) {},
      [&](std::size_t request, const Answer& answer) {
        EXPECT_EQ(answer.json, int(request) + 1);
        seen.push_back(answer.json);
      });
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(1, 2, 3, 4, 5));
}

TEST(WorkerPool, SaysWhatEndedAWorker) {
  EXPECT_THAT(failure_of("kill -KILL $$"), HasSubstr("signal 9"));
  EXPECT_THAT(failure_of("exit 7"), HasSubstr("exit code 7"));
}

// As where the kernel takes long to clear the memory of a process that it killed.
TEST(WorkerPool, WaitsForAProcessThatEndsSlowly) {
  EXPECT_THAT(failure_of("exec 3>&-; sleep 1.3; kill -KILL $$"), HasSubstr("signal 9"));
}

TEST(WorkerPool, NamesTheLimitOfTime) {
  EXPECT_THAT(failure_of("exec sleep 20", 0.5), HasSubstr("out of time after 0.5 s"));
}

TEST(WorkerPool, GivesUpRequestsThatAnExceptionLeaves) {
  WorkerPool pool = pool_of("case $line in 1) ;; *) sleep 0.4;; esac; echo \"$line\" >&3", 2);
  EXPECT_THROW(pool.run(
                   {1, 2}, [](std::size_t) {},
                   [](std::size_t, const Answer&) { throw RunError("too many failures"); }),
               RunError);
  std::vector<int> seen;
  pool.run(
      {30, 40}, [](std::size_t) {},
      [&](std::size_t, const Answer& answer) { seen.push_back(answer.json); });
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(30, 40));
}

}  // namespace
}  // namespace deneb::detail
