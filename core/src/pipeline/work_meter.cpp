#include "pipeline/work_meter.h"

#include <signal.h>

#include <utility>

namespace deneb::detail {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kInterval{5};

}  // namespace

// Signals are for the thread that waits for workers and batches.
WorkMeter::WorkMeter(TrialStore& store, std::string step)
    : store_(store), step_(std::move(step)), since_(Clock::now()), before_(samples_drawn()) {
  sigset_t all, old;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  thread_ = std::thread([this] { watch(); });
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

WorkMeter::~WorkMeter() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
  record();
}

void WorkMeter::watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_.wait_for(lock, kInterval, [this] { return end_; })) record();
}

void WorkMeter::record() {
  const auto now = Clock::now();
  const SampleCounts drawn = samples_drawn();
  try {
    store_.add_work(step_,
                    {std::chrono::duration<double>(now - since_).count(),
                     drawn.training - before_.training, drawn.evaluation - before_.evaluation});
    since_ = now;
    before_ = drawn;
  } catch (const Error&) {
    // A full disk ends the step where it stores its results; here the next record makes up for it.
  }
}

}  // namespace deneb::detail
