#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace deneb::detail {

/// Processes that answer requests: one JSON line in (their fd 0), one JSON line out (their fd 3).
/// Before the first request they say {"ready": true}. A process that dies or takes too long then
/// fails its request only; the next request gets a new one. One that ends before it is ready ends
/// the run, because no other would fare better.
/// Children have a process group of their own, so that Ctrl-C reaches the parent alone.
class WorkerPool {
 public:
  /// `command`: program and arguments. `timeout` seconds per request, 0 = none.
  WorkerPool(std::vector<std::string> command, int workers, double timeout);
  ~WorkerPool();  ///< kills the processes
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  struct Answer {
    nlohmann::json json;  ///< null when the request failed
    std::string failure;  ///< "worker process died (signal 11)", "out of time after 60 s"
    bool timed_out = false;
    double seconds = 0;
  };
  using OnStart = std::function<void(std::size_t request)>;
  using OnAnswer = std::function<void(std::size_t request, const Answer&)>;

  /// Runs all requests; callbacks come in the order of events, from this thread. Throws
  /// Interrupted when a stop was asked for; when a process cannot be started, RunError, or the
  /// error that fits the exit code it ended with; and whatever a callback throws. Requests without
  /// an answer are given up then, and the pool stays usable.
  void run(const std::vector<nlohmann::json>& requests, const OnStart& on_start,
           const OnAnswer& on_answer);

 private:
  struct Worker;
  struct BusyStopper;
  void spawn(Worker& worker);
  void stop(Worker& worker);
  std::string describe_exit(Worker& worker, int* exit_code = nullptr);
  [[noreturn]] void throw_start_failure(Worker& worker);
  std::vector<std::string> command_;
  double timeout_;
  std::vector<Worker> workers_;
};

}  // namespace deneb::detail
