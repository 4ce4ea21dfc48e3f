#include <deneb/search/benchmark.h>
#include <deneb/search/search_algorithm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

namespace deneb::mqbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WeightBits final : public CostModel {
 public:
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    return double(info.weights) * choice.weight.bits;
  }
  std::string unit() const override { return "bits"; }
};

SearchSpaceOptions weight_widths() {
  SearchSpaceOptions options = testing::open_space({});
  options.weight_candidates = {"int2", "int3", "int4"};
  options.activation_candidates = {"int8"};
  options.first_layer = "int8";
  return options;
}

/// Accuracies of FakeSearchContext; costs are `size` and `bitops`, of which the latter is as large.
class Context final : public testing::FakeSearchContext {
 public:
  explicit Context(int layers = 20, const SearchSpaceOptions& space = weight_widths(),
                   std::uint64_t seed = 5)
      : FakeSearchContext(testing::chain_network(layers), space, seed) {}

  std::vector<Objective> measures() const override {
    return {{"accuracy", Direction::kMaximize},
            {"loss", Direction::kMinimize},
            {"size", Direction::kMinimize},
            {"bitops", Direction::kMinimize}};
  }
  const CostModel& cost_model(const std::string& name) const override {
    return name == "size" && has_size ? size_ : FakeSearchContext::cost_model(name);
  }
  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) override {
    std::vector<TrialResult> results = FakeSearchContext::evaluate(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      tried.push_back(requests[i].policy);
      if (results[i].ok) results[i].metrics["size"] = size(requests[i].policy);
      if (results[i].ok) results[i].metrics["bitops"] = size(requests[i].policy);
    }
    return results;
  }
  std::string artifact_path(const std::string& file) const override { return folder_ / file; }
  void log(const std::string& text) override { logged += text; }

  double size(const BitPolicy& policy) const { return size_.total(space().network(), policy); }
  /// Of ten even parts of the span of sizes.
  int bin(const BitPolicy& policy) const {
    const double least = size(space().decode(space().narrowest()));
    const double most = size(space().decode(space().widest()));
    return std::min(9, int((size(policy) - least) / (most - least) * 10));
  }

  bool has_size = true;
  std::vector<BitPolicy> tried;
  std::string logged;

 private:
  WeightBits size_;
  ScratchFolder folder_;
};

nlohmann::json options_of(int samples) {
  return {{"samples", samples},
          {"sampler", "half_uniform_half_size_stratified"},
          {"benchmark", {{"name", "chain"}, {"license", "CC0"}, {"evolve", 10}, {"valid", 20}}}};
}

std::shared_ptr<SearchAlgorithm> make_search(nlohmann::json options) {
  static const auto registry = plugin_test::load({"random_search"});
  return plugin_test::make<SearchAlgorithm>(*registry, "RandomSearch", std::move(options));
}

SearchResult search(Context& context, nlohmann::json options) {
  const auto algorithm = make_search(std::move(options));
  algorithm->validate(context);
  return algorithm->run(context);
}

std::string failure_of(Context& context, const nlohmann::json& change) {
  nlohmann::json options = options_of(100);
  options.merge_patch(change);
  try {
    search(context, options);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(SizeStrata, HalfOfThePoliciesFillTenBinsAlike) {
  Context context;
  search(context, options_of(400));
  ASSERT_EQ(context.tried.size(), 400u);
  EXPECT_EQ(context.trials, 400);  // all different
  std::map<int, int> uniform, stratified;
  double wide = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    ++(i < 200 ? uniform : stratified)[context.bin(context.tried[i])];
    for (const auto& [name, choice] : context.tried[i].layers()) {
      if (i >= 200 && name != "layer0") wide += choice.weight.bits;
      EXPECT_EQ(choice.activation.bits, 8);
    }
  }
  for (int bin = 0; bin < 10; ++bin) EXPECT_EQ(stratified[bin], 20) << bin;
  // Three standard deviations from the mean.
  EXPECT_LT(uniform[0] + uniform[1] + uniform[8] + uniform[9], 5);
  EXPECT_NEAR(wide / (200 * 19), 3, 0.05);
  Context plain;
  search(plain, {{"samples", 200}, {"objectives", {{{"name", "accuracy"}}}}});
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(plain.tried[i], context.tried[i]) << i;
}

TEST(SizeStrata, ASmallSpaceIsTriedWhole) {
  Context context(3);  // the first layer is fixed
  nlohmann::json options = options_of(40);
  options["benchmark"]["evolve"] = options["benchmark"]["valid"] = 1;
  search(context, options);
  EXPECT_EQ(context.trials, 9);
  EXPECT_THAT(context.logged, HasSubstr("found 9 different policies, 40 were asked for"));
}

TEST(BenchmarkRecord, HoldsEveryTrial) {
  Context context;
  const SearchResult result = search(context, options_of(100));
  ASSERT_EQ(result.artifacts.size(), 1u);
  EXPECT_EQ(result.artifacts[0].kind, "benchmark");
  EXPECT_TRUE(result.candidates.empty());  // nothing is chosen
  const Benchmark benchmark = read_benchmark(result.artifacts[0].file);
  EXPECT_EQ(benchmark.name, "chain");
  EXPECT_EQ(benchmark.license, "CC0");
  EXPECT_EQ(benchmark.network, "Chain");
  EXPECT_EQ(benchmark.metric, "top1_percent");
  EXPECT_EQ(benchmark.fp32_accuracy, 100);
  EXPECT_EQ(benchmark.sampler, "half_uniform_half_size_stratified");
  EXPECT_THAT(benchmark.candidate_bits, ElementsAre(2, 3, 4));
  EXPECT_EQ(benchmark.ptq["fixed"]["weights"]["layer0"], "int8");
  EXPECT_EQ(benchmark.ptq["fixed"]["activations"]["layer1"], "uint8");
  ASSERT_EQ(benchmark.layers.size(), 19u);
  EXPECT_EQ(benchmark.layers[0].name, "layer1");
  EXPECT_EQ(benchmark.layers[0].params, 200);
  EXPECT_EQ(benchmark.layers[0].macs, 2000);
  ASSERT_EQ(benchmark.entries.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    const BenchmarkEntry& entry = benchmark.entries[i];
    for (std::size_t l = 0; l < 19; ++l) {
      EXPECT_EQ(entry.bits[l], context.tried[i].layers()[l + 1].second.weight.bits);
    }
    EXPECT_DOUBLE_EQ(entry.accuracy, 100 * context.accuracy(context.tried[i]));
    EXPECT_EQ(entry.size_bytes, context.size(context.tried[i]) / 8);
    EXPECT_EQ(entry.bitops, context.size(context.tried[i]));
  }
}

TEST(BenchmarkRecord, SplitsAreDrawnFromAllPolicies) {
  const auto benchmark_of = [](std::uint64_t seed) {
    Context context(20, weight_widths(), seed);
    return read_benchmark(search(context, options_of(100)).artifacts[0].file);
  };
  const Benchmark benchmark = benchmark_of(5), same = benchmark_of(5), other = benchmark_of(6);
  EXPECT_EQ(benchmark.ids("evolve").size(), 10u);
  EXPECT_EQ(benchmark.ids("valid").size(), 20u);
  EXPECT_EQ(benchmark.ids("test").size(), 70u);
  for (const char* split : {"evolve", "valid", "test"}) {
    const auto ids = benchmark.ids(split);
    EXPECT_LT(ids.front(), 50) << split;  // of the uniform half
    EXPECT_GE(ids.back(), 50) << split;   // and of the other one
  }
  EXPECT_EQ(benchmark.ids("evolve"), same.ids("evolve"));
  EXPECT_NE(benchmark.ids("evolve"), other.ids("evolve"));
}

TEST(BenchmarkRecord, TrialsThatFailedAreLeftOut) {
  Context context;
  context.fails = [](std::int64_t id) { return id == 3; };
  const Benchmark benchmark = read_benchmark(search(context, options_of(100)).artifacts[0].file);
  EXPECT_EQ(benchmark.entries.size(), 99u);
  EXPECT_DOUBLE_EQ(benchmark.at(2).accuracy, 100 * context.accuracy(context.tried[3]));
  EXPECT_THAT(context.logged, HasSubstr("1 trials failed; the benchmark goes without them"));
}

TEST(BenchmarkRecord, TheReportShowsDistributionAndSensitivity) {
  Context context;
  const SearchResult result = search(context, options_of(100));
  ASSERT_EQ(result.objectives.size(), 3u);
  EXPECT_EQ(result.objectives[0].name, "accuracy");
  EXPECT_EQ(result.objectives[1].name, "size");
  EXPECT_EQ(result.objectives[2].name, "bitops");
  ASSERT_EQ(result.figures.size(), 1u);
  ASSERT_EQ(result.figures[0].series.size(), 3u);
  const FigureSeries& test = result.figures[0].series[2];
  EXPECT_EQ(test.label, "test (70)");
  ASSERT_EQ(test.points.size(), 70u);
  EXPECT_EQ(test.points.back().second, 100);
  EXPECT_LT(test.points.front().first, test.points.back().first);
  ASSERT_EQ(result.heat_maps.size(), 1u);
  const HeatMap& map = result.heat_maps[0];
  ASSERT_EQ(map.values.size(), 3u);
  ASSERT_EQ(map.values[0].size(), 19u);
  double change = 0;
  for (std::size_t l = 0; l < 19; ++l) change += map.values[2][l] - map.values[0][l];
  EXPECT_GT(change, 0);  // more bits, more accuracy
  to_json(result.figures[0]);
  to_json(map);
}

TEST(BenchmarkRecord, OnlyAStepWithANameLeavesOne) {
  EXPECT_THAT(make_search(options_of(100))->gives(), ElementsAre("benchmark"));
  EXPECT_THAT(make_search({{"samples", 3}})->gives(), ElementsAre("policies"));
}

TEST(BenchmarkRecord, WrongOptionsAreNamed) {
  Context context;
  EXPECT_THAT(failure_of(context, {{"samples", 30}}),
              HasSubstr("benchmark: evolve and valid take 30 of 30 samples"));
  EXPECT_THAT(failure_of(context, {{"fill", 0.5}}), HasSubstr("fill: has no effect with sampler"));
  EXPECT_THAT(failure_of(context, {{"benchmark", {{"metric", "acuracy"}}}}),
              HasSubstr("search_algorithm.benchmark.metric: no metric or cost is named"));
  EXPECT_THAT(failure_of(context, {{"benchmark", {{"metric", "loss"}}}}),
              HasSubstr("search_algorithm.benchmark.metric: loss is better where it is smaller"));
  const auto same = nlohmann::json::object();
  SearchSpaceOptions space = weight_widths();
  space.activation_candidates = {"int8", "int4"};
  Context activations(4, space);
  EXPECT_THAT(failure_of(activations, same),
              HasSubstr("search_space.activation_candidates: the pol"));
  space = weight_widths();
  space.weight_candidates.push_back("e2m1");
  Context floats(4, space);
  EXPECT_THAT(failure_of(floats, same), HasSubstr("integer widths only, not e2m1"));
  Context unpriced;
  unpriced.has_size = false;
  EXPECT_THAT(failure_of(unpriced, same), HasSubstr("no cost model size"));
  EXPECT_EQ(context.trials, 0);
}

}  // namespace
}  // namespace deneb::mqbench
