// A step of LIMPQ's joint training (a pass for each of the widths 6 .. 2 and a mixed one) against a
// plain W4A4 step of the same network, ResNet-20 on 3x32x32 images, batch 128. A plain step follows
// every joint one, so that both see the machine in the same state. Ratios: medians over the pairs.
#include <algorithm>
#include <chrono>
#include <ctime>

#include "bench_main.h"
#include "support/counting_allocator.h"
#include "support/resnet20_indicators.h"

namespace {

using namespace resnet20_indicators;
using Clock = std::chrono::steady_clock;

constexpr int kBatch = 128, kWarmup = 2, kPairs = 9;

/// Time on the clock, and on the processors (of all threads), which a busy machine distorts less.
struct Time {
  double wall_ms, cpu_ms;
};

class Stopwatch {
 public:
  /// Since the last call, or the construction.
  Time lap() {
    const auto wall = Clock::now();
    const std::clock_t cpu = std::clock();
    const Time lap{std::chrono::duration<double, std::milli>(wall - wall_).count(),
                   1e3 * double(cpu - cpu_) / CLOCKS_PER_SEC};
    wall_ = wall;
    cpu_ = cpu;
    return lap;
  }

 private:
  Clock::time_point wall_ = Clock::now();
  std::clock_t cpu_ = std::clock();
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void step_time(benchmark::State& state) {
  Context context(kBatch, kWarmup + kPairs);
  PlainTraining plain(context);
  std::vector<double> joint_ms, plain_ms, ratios, cpu_ratios;
  for (auto _ : state) {
    Stopwatch watch;
    context.after_step = [&, steps = 0]() mutable {
      const Time joint = watch.lap();
      plain.step();
      const Time one = watch.lap();
      if (++steps <= kWarmup) return;
      joint_ms.push_back(joint.wall_ms);
      plain_ms.push_back(one.wall_ms);
      ratios.push_back(joint.wall_ms / one.wall_ms);
      cpu_ratios.push_back(joint.cpu_ms / one.cpu_ms);
    };
    deneb::limpq::train_steps(context, recipe(kWarmup + kPairs), kBits);
  }
  state.counters["joint_ms"] = median(joint_ms);
  state.counters["plain_ms"] = median(plain_ms);
  state.counters["ratio"] = median(ratios);
  state.counters["cpu_ratio"] = median(cpu_ratios);
}

// All tensors that are alive at once, parameters, gradients and momenta included.
void peak_memory(benchmark::State& state) {
  Context context(kBatch, 3);
  CountingAllocator& memory = CountingAllocator::install();
  double joint = 0, one = 0;
  for (auto _ : state) {
    joint = double(memory.peak_of([&] { deneb::limpq::train_steps(context, recipe(3), kBits); }));
    one = double(memory.peak_of([&] {
      PlainTraining plain(context);
      for (int i = 0; i < 3; ++i) plain.step();
    }));
  }
  state.counters["joint_MiB"] = joint / (1 << 20);
  state.counters["plain_MiB"] = one / (1 << 20);
  state.counters["ratio"] = joint / one;
}

// Registered in this order: from the second on, allocations are counted.
BENCHMARK(step_time)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(peak_memory)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

DENEB_BENCH_MAIN()
