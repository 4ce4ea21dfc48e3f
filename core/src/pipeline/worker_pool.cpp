#include "pipeline/worker_pool.h"

#include <deneb/errors.h>
#include <deneb/interrupt.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "io/descriptor.h"
#include "io/number_text.h"

extern char** environ;

namespace deneb::detail {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kIdle = -1;
constexpr int kPollMs = 100;  // how soon a stop signal or a timeout is noticed
constexpr int kEndingPollMs = 20, kEndingPolls = 500;

}  // namespace

struct WorkerPool::Worker {
  pid_t pid = 0;
  int in = -1, out = -1;  // our ends: requests, answers
  std::string buffer;
  bool ready = false;
  std::ptrdiff_t request = kIdle;
  Clock::time_point started;
};

WorkerPool::WorkerPool(std::vector<std::string> command, int workers, double timeout)
    : command_(std::move(command)), timeout_(timeout), workers_(std::size_t(workers)) {}

WorkerPool::~WorkerPool() {
  for (Worker& worker : workers_) stop(worker);
}

void WorkerPool::spawn(Worker& worker) {
  int requests[2], answers[2];
  if (::pipe2(requests, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) {
    throw RunError(std::string("worker: cannot create a pipe (") + std::strerror(errno) + ")");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, requests[0], 0);
  // dup2 of a descriptor onto itself would keep close-on-exec set.
  const int answer_end = answers[1] == 3 ? ::fcntl(answers[1], F_DUPFD_CLOEXEC, 10) : answers[1];
  posix_spawn_file_actions_adddup2(&actions, answer_end, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv;
  for (std::string& word : command_) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error =
      ::posix_spawn(&worker.pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(requests[0]);
  ::close(answer_end);
  if (answer_end != answers[1]) ::close(answers[1]);
  worker.in = requests[1];
  worker.out = answers[0];
  worker.buffer.clear();
  worker.ready = false;
  if (error != 0) {
    worker.pid = 0;
    throw RunError("worker: cannot start " + command_[0] + " (" + std::strerror(error) + ")");
  }
}

void WorkerPool::stop(Worker& worker) {
  if (worker.in >= 0) ::close(worker.in);
  if (worker.out >= 0) ::close(worker.out);
  worker.in = worker.out = -1;
  if (worker.pid > 0) {
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
  }
  worker.pid = 0;
}

// Where run() ends by an exception, nobody waits for the answers to come, and the next requests
// must not be given them.
struct WorkerPool::BusyStopper {
  WorkerPool& pool;
  ~BusyStopper() {
    for (Worker& worker : pool.workers_) {
      if (worker.request == kIdle) continue;
      pool.stop(worker);
      worker.request = kIdle;
    }
  }
};

std::string WorkerPool::describe_exit(Worker& worker, int* exit_code) {
  int status = 0;
  // The answer pipe is closed, so the process is ending. To give back much memory takes a while.
  pid_t ended = 0;
  for (int i = 0; i < kEndingPolls && ended == 0; ++i) {
    ended = ::waitpid(worker.pid, &status, WNOHANG);
    if (ended == 0) ::usleep(kEndingPollMs * 1000);
  }
  if (ended == worker.pid) worker.pid = 0;
  stop(worker);
  if (ended == 0) return "worker process closed its answers and did not end; it was killed";
  if (WIFSIGNALED(status)) {
    return "worker process died (signal " + std::to_string(WTERMSIG(status)) + ", " +
           ::strsignal(WTERMSIG(status)) + ")";
  }
  if (exit_code) *exit_code = WEXITSTATUS(status);
  return "worker process ended with exit code " + std::to_string(WEXITSTATUS(status));
}

void WorkerPool::throw_start_failure(Worker& worker) {
  int exit_code = kExitRun;
  const std::string text =
      describe_exit(worker, &exit_code) + " before it could run a trial; see its message above";
  if (exit_code == kExitConfig) throw ConfigError(text);
  if (exit_code == kExitPlugin) throw PluginError(text);
  if (exit_code == kExitData) throw DataError(text);
  throw RunError(text);
}

void WorkerPool::run(const std::vector<nlohmann::json>& requests, const OnStart& on_start,
                     const OnAnswer& on_answer) {
  const BusyStopper stopper{*this};
  std::size_t next = 0, answered = 0;
  const auto finish = [&](Worker& worker, Answer answer) {
    const auto request = static_cast<std::size_t>(worker.request);
    answer.seconds = std::chrono::duration<double>(Clock::now() - worker.started).count();
    worker.request = kIdle;
    ++answered;
    on_answer(request, answer);
  };
  while (answered < requests.size()) {
    throw_if_stopping();
    for (Worker& worker : workers_) {
      if (worker.request != kIdle || next >= requests.size()) continue;
      const std::string line = requests[next].dump() + "\n";
      const bool known = worker.pid != 0;
      if (!known) spawn(worker);
      if (!write_all(worker.in, line)) {
        // One that was ready died while it was idle; a new one cannot have.
        if (!known) throw_start_failure(worker);
        stop(worker);
        spawn(worker);
        if (!write_all(worker.in, line)) throw_start_failure(worker);
      }
      worker.request = static_cast<std::ptrdiff_t>(next);
      worker.started = Clock::now();
      on_start(next++);
    }
    std::vector<pollfd> fds;
    std::vector<Worker*> owners;
    for (Worker& worker : workers_) {
      if (worker.request == kIdle) continue;
      fds.push_back({worker.out, POLLIN, 0});
      owners.push_back(&worker);
    }
    if (fds.empty()) continue;
    if (::poll(fds.data(), fds.size(), kPollMs) < 0 && errno != EINTR) {
      throw RunError(std::string("worker: poll failed (") + std::strerror(errno) + ")");
    }
    for (std::size_t i = 0; i < fds.size(); ++i) {
      Worker& worker = *owners[i];
      if (fds[i].revents == 0) {
        const double age = std::chrono::duration<double>(Clock::now() - worker.started).count();
        if (timeout_ > 0 && worker.ready && age > timeout_) {
          stop(worker);
          finish(worker, {nullptr, "out of time after " + number_text(timeout_) + " s", true, 0});
        }
        continue;
      }
      const std::optional<std::string> text = read_some(worker.out);
      if (!text) continue;
      if (text->empty()) {
        if (!worker.ready) throw_start_failure(worker);
        finish(worker, {nullptr, describe_exit(worker), false, 0});
        continue;
      }
      worker.buffer += *text;
      std::size_t end = worker.buffer.find('\n');
      if (end != std::string::npos && !worker.ready) {
        worker.ready = true;
        worker.started = Clock::now();  // the time of a trial does not include the start
        worker.buffer.erase(0, end + 1);
        end = worker.buffer.find('\n');
      }
      if (end == std::string::npos) continue;
      auto json = nlohmann::json::parse(worker.buffer.substr(0, end), nullptr, false);
      worker.buffer.erase(0, end + 1);
      if (json.is_discarded()) {
        stop(worker);
        finish(worker, {nullptr, "worker process gave no valid answer", false, 0});
      } else {
        finish(worker, {json, "", false, 0});
      }
    }
  }
}

}  // namespace deneb::detail
