// Fitness of EMQ's proxies over the 425 policies of a made-up benchmark, ResNet-20 on 64 images of
// 3x32x32: by the naive loop, which collects statistics and computes the proxy for every policy,
// and by tables. Then whole evolutions.
#include <algorithm>
#include <ctime>
#include <memory>

#include <deneb/nn/network.h>
#include <deneb/train/cross_entropy.h>

#include "bench_main.h"
#include "evolution.h"
#include "plugins/emq/made_up_benchmark.h"
#include "plugins/plugin_registry.h"
#include "policy_set.h"
#include "statistics.h"

namespace {

using namespace deneb::emq;

constexpr int kPolicies = 425;
constexpr int kNaive = 5;  // policies that the naive loop is timed on

// Time on the processors, of all threads: a busy machine distorts it less than that on the clock.
double seconds_since(std::clock_t begin) { return double(std::clock() - begin) / CLOCKS_PER_SEC; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Subject {
 public:
  Subject() {
    at::manual_seed(1);
    registry_ = plugin_test::load({"resnet_cifar"});
    network_ = plugin_test::make<deneb::Network>(*registry_, "ResNetCifar", {{"depth", 20}});
    batch_["input"] = torch::randn({64, 3, 32, 32});
    batch_["target"] = torch::randint(10, {64}, torch::kInt64);
    for (const auto& layer : statistics()) names_.push_back(layer.name);
    // The first convolution and the linear layer have fixed widths.
    names_.erase(names_.begin());
    benchmark_ = made_up_benchmark(names_, kPolicies);
    for (deneb::BenchmarkEntry& entry : benchmark_.entries) entry.split = "evolve";
    all_ = policies_of(benchmark_, "evolve");
    some_ = policies_of(benchmark_, "evolve", 50, 1);
  }

  Inputs inputs() {
    const auto found = statistics();
    Inputs inputs(names_.size(), {2, 3, 4});
    const auto list = [&](torch::Tensor LayerStatistics::*member) {
      std::vector<at::Tensor> tensors;
      for (std::size_t l = 1; l < found.size(); ++l) tensors.push_back(found[l].*member);
      return tensors;
    };
    inputs.add("act", list(&LayerStatistics::activation));
    inputs.add("grad", list(&LayerStatistics::gradient));
    inputs.add("virtual_grad", list(&LayerStatistics::virtual_gradient));
    inputs.add("weight", list(&LayerStatistics::weight));
    return inputs;
  }
  const PolicySet& all() const { return all_; }
  const PolicySet& some() const { return some_; }

 private:
  std::vector<LayerStatistics> statistics() {
    StatisticsRequest request;
    request.weight = request.activation = request.gradient = request.virtual_gradient = true;
    request.convolutions_only = true;
    std::mt19937_64 rng(1);
    return collect_statistics(*network_, batch_, criterion_, request, rng, c10::kCPU);
  }

  std::unique_ptr<deneb::Registry> registry_;
  std::shared_ptr<deneb::Network> network_;
  deneb::Batch batch_;
  deneb::CrossEntropy criterion_{deneb::CrossEntropyOptions()};
  std::vector<std::string> names_;
  deneb::Benchmark benchmark_;
  PolicySet all_, some_;
};

Subject& subject() {
  static Subject subject;
  return subject;
}

GenePool pool_of(Structure structure) {
  std::vector<std::string> unary, binary;
  for (const auto& op : unary_operators()) {
    if (op.share > 0) unary.push_back(op.name);
  }
  for (const auto& op : binary_operators()) {
    if (op.share > 0) binary.push_back(op.name);
  }
  return make_gene_pool(structure, Semantics::kClean, {"act", "grad", "virtual_grad", "weight"},
                        unary, binary, true);
}

// Valid proxies.
std::vector<Genotype> proxies(Structure structure, std::size_t count) {
  Tabulator tabulator(subject().inputs());
  const GenePool pool = pool_of(structure);
  std::mt19937_64 rng(4);
  std::vector<Genotype> found;
  while (found.size() < count) {
    const Genotype genotype = draw(pool, rng);
    if (tabulator.tabulate(genotype).table) found.push_back(genotype);
  }
  return found;
}

// Medians over proxies, all of them in the same run.
void fitness(benchmark::State& state, Structure structure) {
  const auto genotypes = proxies(structure, 12);
  const PolicySet& policies = subject().all();
  std::vector<double> naive, fresh, kept;
  for (auto _ : state) {
    Tabulator keeping(subject().inputs());
    for (const Genotype& genotype : genotypes) {
      auto begin = std::clock();
      for (std::size_t i = 0; i < kNaive; ++i) {
        benchmark::DoNotOptimize(
            score_of_policy(subject().inputs(), genotype, policies.choices[i]));
      }
      naive.push_back(seconds_since(begin) * kPolicies / kNaive);

      const auto by_table = [&](Tabulator& tabulator) {
        begin = std::clock();
        const auto table = tabulator.tabulate(genotype).table;
        benchmark::DoNotOptimize(judge(scores_of(*table, policies), policies, Semantics::kClean,
                                       "spearman_topk", TopBy::kPredicted));
        return seconds_since(begin);
      };
      Tabulator once(keeping.inputs());
      fresh.push_back(by_table(once));
      by_table(keeping);
      kept.push_back(by_table(keeping));  // its chains are known from other proxies by now
    }
  }
  state.counters["naive_s"] = median(naive);
  state.counters["table_ms"] = 1e3 * median(fresh);
  state.counters["kept_ms"] = 1e3 * median(kept);
  std::vector<double> ratios, kept_ratios;
  for (std::size_t i = 0; i < naive.size(); ++i) {
    ratios.push_back(naive[i] / fresh[i]);
    kept_ratios.push_back(naive[i] / kept[i]);
  }
  state.counters["ratio"] = median(ratios);
  state.counters["ratio_least"] = *std::min_element(ratios.begin(), ratios.end());
  state.counters["kept_ratio"] = median(kept_ratios);
}

void evolution(benchmark::State& state, Structure structure) {
  const PolicySet& policies = subject().some();
  for (auto _ : state) {
    Tabulator tabulator(subject().inputs());
    EvolutionOptions options;
    options.iterations = state.range(0);
    Evolution evolution(options, pool_of(structure), 1, [&](const Genotype& genotype) {
      const Tabulation found = tabulator.tabulate(genotype);
      if (!found.table) {
        Judgment rejected;
        rejected.rejected = found.rejected;
        return rejected;
      }
      return judge(scores_of(*found.table, policies), policies, Semantics::kClean, "spearman_topk",
                   TopBy::kPredicted);
    });
    while (!evolution.done()) evolution.advance();
    state.counters["best"] = evolution.best().back();
    for (const auto& [name, count] : evolution.counts()) state.counters[name] = double(count);
  }
}

BENCHMARK_CAPTURE(fitness, tree, Structure::kTree)->Unit(benchmark::kSecond)->Iterations(1);
BENCHMARK_CAPTURE(fitness, graph, Structure::kGraph)->Unit(benchmark::kSecond)->Iterations(1);
BENCHMARK_CAPTURE(evolution, tree, Structure::kTree)
    ->Arg(1000)
    ->Arg(20000)
    ->Unit(benchmark::kSecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(evolution, linear, Structure::kLinear)
    ->Arg(1000)
    ->Unit(benchmark::kSecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(evolution, graph, Structure::kGraph)
    ->Arg(1000)
    ->Unit(benchmark::kSecond)
    ->Iterations(1);

}  // namespace

DENEB_BENCH_MAIN()
