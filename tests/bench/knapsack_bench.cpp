// The exact solver of the multiple-choice knapsack problem on ResNet-50, with published indicators
// where the folder DENEB_EXTRA_TEST_DATA of the build has them, with synthetic ones otherwise.
#include <cbc_solver.h>

#include "bench_main.h"
#include "support/resnet50_knapsack.h"

namespace {

using deneb::KnapsackOptions;
using deneb::KnapsackProblem;
using testing::Resnet50Setting;

KnapsackProblem problem_of(const Resnet50Setting& setting) {
  static const auto published = testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
  static const auto indicators = published ? *published : testing::synthetic_resnet50_indicators();
  return testing::resnet50_knapsack(indicators, setting);
}

void own(benchmark::State& state, const Resnet50Setting& setting, bool second_best) {
  const KnapsackProblem problem = problem_of(setting);
  KnapsackOptions options;
  options.second_best = second_best;
  std::int64_t states = 0;
  for (auto _ : state) {
    states = deneb::solve_multiple_choice_knapsack(problem, options).states;
  }
  state.counters["states"] = double(states);
}

void cbc(benchmark::State& state, const Resnet50Setting& setting) {
  const KnapsackProblem problem = problem_of(setting);
  if (!deneb::limpq::has_cbc()) return state.SkipWithError("built without CBC");
  for (auto _ : state) benchmark::DoNotOptimize(deneb::limpq::solve_by_cbc(problem));
}

const Resnet50Setting kPublished{}, kHard{2, 4, 12.7}, kSize{0, 0, 12.2};

BENCHMARK_CAPTURE(own, published, kPublished, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, published_second_best, kPublished, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, w2a4, kHard, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, w2a4_second_best, kHard, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, size_only_second_best, kSize, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cbc, published, kPublished)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cbc, size_only, kSize)->Unit(benchmark::kMillisecond);

}  // namespace

DENEB_BENCH_MAIN()
