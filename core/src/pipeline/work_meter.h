#pragma once

#include <deneb/data/sample_counts.h>
#include <deneb/store/trial_store.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace deneb::detail {

/// Records what a step costs while it runs, every few seconds: after a kill, no more than these are
/// missing. What worker processes do is not seen.
class WorkMeter {
 public:
  WorkMeter(TrialStore& store, std::string step);
  /// Records the rest.
  ~WorkMeter();
  WorkMeter(const WorkMeter&) = delete;
  WorkMeter& operator=(const WorkMeter&) = delete;

 private:
  void watch();
  void record();

  TrialStore& store_;
  const std::string step_;
  std::chrono::steady_clock::time_point since_;
  SampleCounts before_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace deneb::detail
