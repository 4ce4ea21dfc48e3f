// The exact solver of the multiple-choice knapsack problem on ResNet-50, with published indicators
// where the folder DENEB_EXTRA_TEST_DATA of the build has them, with synthetic ones otherwise.
#include <cbc_solver.h>

#include <algorithm>

#include "bench_main.h"
#include "support/resnet50_knapsack.h"

namespace {

using deneb::KnapsackOptions;
using deneb::KnapsackProblem;
using deneb::testing::Resnet50Setting;

KnapsackProblem problem_of(const Resnet50Setting& setting) {
  static const auto published = deneb::testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
  static const auto indicators =
      published ? *published : deneb::testing::synthetic_resnet50_indicators();
  return deneb::testing::resnet50_knapsack(indicators, setting);
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
  if (!deneb::searches::has_cbc()) return state.SkipWithError("built without CBC");
  for (auto _ : state) benchmark::DoNotOptimize(deneb::searches::solve_by_cbc(problem));
}

// Both solvers on all settings, one after the other; the counters are ratios of their times.
void all_settings(benchmark::State& state) {
  if (!deneb::searches::has_cbc()) return state.SkipWithError("built without CBC");
  KnapsackOptions options;
  options.second_best = false;  // CBC does not find it either
  std::vector<double> own, cbc, ratios;
  for (auto _ : state) {
    for (const Resnet50Setting& setting : deneb::testing::resnet50_settings()) {
      const KnapsackProblem problem = problem_of(setting);
      own.push_back(1e3 * deneb::solve_multiple_choice_knapsack(problem, options).seconds);
      cbc.push_back(1e3 * deneb::searches::solve_by_cbc(problem).seconds);
      ratios.push_back(cbc.back() / own.back());
    }
  }
  const auto quantile = [](std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * double(values.size() - 1))];
  };
  for (const auto& [name, values] :
       {std::make_pair("own_ms", own), {"cbc_ms", cbc}, {"ratio", ratios}}) {
    state.counters[std::string(name) + "_median"] = quantile(values, 0.5);
    state.counters[std::string(name) + "_most"] = quantile(values, 1);
  }
  state.counters["ratio_least"] = quantile(ratios, 0);
}

const Resnet50Setting kPublished{}, kHard{2, 4, 12.7}, kSize{0, 0, 12.2};

BENCHMARK_CAPTURE(own, published, kPublished, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, published_second_best, kPublished, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, w2a4, kHard, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, w2a4_second_best, kHard, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(own, size_only_second_best, kSize, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cbc, published, kPublished)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cbc, size_only, kSize)->Unit(benchmark::kMillisecond);
BENCHMARK(all_settings)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace

DENEB_BENCH_MAIN()
