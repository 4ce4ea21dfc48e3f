#include <deneb/plugin/loader.h>
#include <deneb/search/search_algorithm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "support/fake_search_context.h"

namespace deneb {
namespace {

using testing::FakeSearchContext;
using ::testing::HasSubstr;

class QuantEaSearch : public ::testing::Test {
 protected:
  QuantEaSearch() : loader_(registry_) { loader_.load_file(DENEB_PLUGIN_DIR "/quant_ea.so"); }

  SearchResult search(FakeSearchContext& context, const nlohmann::json& options) {
    const auto algorithm = registry_.make<SearchAlgorithm>({"QuantEA", options});
    algorithm->validate(context);
    return algorithm->run(context);
  }
  static nlohmann::json sized(int generations, int individuals, int samples) {
    return {{"policy",
             {{"num_generation", generations},
              {"num_individual", individuals},
              {"random_samples", samples}}}};
  }
  static std::string text(const SearchResult& result) {
    std::string text;
    for (const Candidate& c : result.candidates) text += c.name + ": " + c.policy.text() + "\n";
    return text;
  }

  Registry registry_;
  PluginLoader loader_;
};

// Area between the front and a corner that is worse than everything: accuracy 0, twice the widest.
double hypervolume(std::vector<std::pair<double, double>> points, double worst_cost) {
  std::sort(points.begin(), points.end());  // by cost
  double area = 0, best = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    best = std::max(best, points[i].second);
    const double next = i + 1 < points.size() ? points[i + 1].first : worst_cost;
    area += (next - points[i].first) * best;
  }
  return area;
}

TEST_F(QuantEaSearch, BudgetIsSamplesPlusGenerationsTimesIndividuals) {
  FakeSearchContext context(10, {2, 4, 8}, 5);
  search(context, sized(50, 16, 32));
  EXPECT_EQ(context.trials, 832);
  EXPECT_EQ(context.calls, 51);  // one batch for the samples, one per generation
}

TEST_F(QuantEaSearch, FindsTheFrontOfASmallSpace) {
  FakeSearchContext context(6, {2, 4, 8}, 11);
  nlohmann::json options = sized(50, 16, 32);
  options["mutation"] = "step";
  options["anchors"] = true;  // as in the shipped pipelines
  const SearchResult result = search(context, options);
  EXPECT_LE(context.trials, 835);
  const SearchSpace& space = context.space();
  const double worst = 2 * context.flops(space.decode(space.widest()));
  std::vector<std::pair<double, double>> all, found;
  std::vector<int> genome(12, 0);
  for (int code = 0; code < 531441; ++code) {  // 3^12 genomes
    for (int g = 0, rest = code; g < 12; ++g, rest /= 3) genome[g] = rest % 3;
    double loss = 0, flops = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const int w = 2 << genome[i], a = 2 << genome[i + 6];
      loss += FakeSearchContext::sensitivity(i) * (std::pow(2.0, -w) + std::pow(2.0, -a));
      flops += static_cast<double>(space.network().layers[i].macs) * (w + a) / 32.0;
    }
    all.emplace_back(flops, 1 - loss);
  }
  for (const Candidate& c : result.candidates) {
    found.emplace_back(c.metrics.at("flops"), c.metrics.at("accuracy"));
  }
  EXPECT_GE(hypervolume(found, worst), 0.98 * hypervolume(all, worst));
}

TEST_F(QuantEaSearch, SameSeedSameResultOtherSeedOtherResult) {
  FakeSearchContext first(8, {2, 4, 8}, 3), again(8, {2, 4, 8}, 3), other(8, {2, 4, 8}, 4);
  const auto options = sized(10, 8, 16);
  const std::string reference = text(search(first, options));
  EXPECT_EQ(reference, text(search(again, options)));
  EXPECT_NE(reference, text(search(other, options)));
}

TEST_F(QuantEaSearch, FailedTrialsCostNothingButTheirPlace) {
  FakeSearchContext context(6, {2, 4, 8}, 9);
  context.fails = [](std::int64_t id) { return id % 3 == 0; };
  const SearchResult result = search(context, sized(10, 8, 16));
  ASSERT_FALSE(result.candidates.empty());
  for (const Candidate& c : result.candidates) EXPECT_NE(c.trial % 3, 0);
}

TEST_F(QuantEaSearch, LimitsAreKeptWithoutTrials) {
  FakeSearchContext context(6, {2, 4, 8}, 9);
  context.max_flops = 0.5 * context.flops(context.space().decode(context.space().widest()));
  const SearchResult result = search(context, sized(10, 8, 16));
  ASSERT_FALSE(result.candidates.empty());
  for (const Candidate& c : result.candidates) {
    EXPECT_LE(c.metrics.at("flops"), context.max_flops);
  }
}

// Layers with one gene, and genes of several layers: the search finds the best of all policies.
TEST_F(QuantEaSearch, LayersMayHaveOneGeneOrShareThem) {
  SearchSpaceOptions options = testing::open_space({2, 4, 8});
  options.overrides = {{"layer1", "int8", "search"}, {"layer3", {"int2", "int8"}, "int4"}};
  options.groups = {{{"layer0", "layer2"}}};
  FakeSearchContext context(testing::chain_network(4), options, 5);
  ASSERT_EQ(context.space().genes().size(), 4u);
  const SearchResult result = search(context, sized(12, 12, 12));
  double best = 0;
  for (const Candidate& candidate : result.candidates) {
    context.space().encode(candidate.policy);  // throws if it is not in the space
    best = std::max(best, candidate.metrics.at("accuracy"));
  }
  EXPECT_EQ(best, context.accuracy(context.space().decode(context.space().widest())));
}

TEST_F(QuantEaSearch, AnchorsAreTried) {
  FakeSearchContext context(10, {2, 4, 8}, 2);
  nlohmann::json options = sized(0, 8, 8);
  options["anchors"] = true;
  const SearchResult result = search(context, options);
  EXPECT_EQ(context.trials, 11);
  EXPECT_EQ(result.candidates.back().policy.text(),
            context.space().decode(context.space().narrowest()).text());
}

TEST_F(QuantEaSearch, VegaArchiveStrategyRunsTheSameBudgetOrLess) {
  FakeSearchContext context(10, {4, 8}, 2);
  nlohmann::json options = sized(10, 16, 32);
  options["strategy"] = "vega_archive";
  const SearchResult result = search(context, options);
  EXPECT_LE(context.trials, 192);
  EXPECT_GT(context.trials, 100);
  EXPECT_FALSE(result.candidates.empty());
}

TEST_F(QuantEaSearch, WrongOptionsAreNamed) {
  FakeSearchContext context(4, {4, 8}, 2);
  const auto error = [&](const nlohmann::json& options) -> std::string {
    try {
      search(context, options);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  };
  nlohmann::json options = sized(1, 4, 4);
  options["policy"]["length"] = 7;
  EXPECT_THAT(error(options), HasSubstr("is 7, the search space has 8 genes"));
  EXPECT_THAT(error(sized(1, 8, 4)), HasSubstr("use num_individual (8) or more"));
  options = sized(1, 4, 4);
  options["objectives"] = {{{"name", "accuracy"}, {"direction", "max"}},
                           {{"name", "energy"}, {"direction", "min"}}};
  EXPECT_THAT(error(options), HasSubstr("objectives[1].name: no metric or cost is named "
                                        "\"energy\" (one of accuracy, flops)"));
  options["objectives"][1]["name"] = "flop";
  EXPECT_THAT(error(options), HasSubstr("did you mean \"flops\"?"));
  options["objectives"][1]["name"] = "accuracy";
  EXPECT_THAT(error(options), HasSubstr("is there twice"));
  options = sized(1, 4, 4);
  options["divisions"] = 20;
  EXPECT_THAT(error(options), HasSubstr("search_algorithm: NSGA-III: "));
  EXPECT_EQ(context.trials, 0) << "mistakes cost no trial";
}

TEST_F(QuantEaSearch, DirectionsComeFromTheMeasures) {
  FakeSearchContext context(4, {4, 8}, 2);
  nlohmann::json options = sized(1, 4, 4);
  options["objectives"] = {{{"name", "accuracy"}}, {{"name", "flops"}}};
  const SearchResult result = search(context, options);
  ASSERT_EQ(result.objectives.size(), 2u);
  EXPECT_EQ(result.objectives[0].direction, Direction::kMaximize);
  EXPECT_EQ(result.objectives[1].direction, Direction::kMinimize);
  options["objectives"][1]["direction"] = "max";
  EXPECT_EQ(search(context, options).objectives[1].direction, Direction::kMaximize);
}

// Random genomes of 20 layers nearly never keep so tight a limit: they have to be repaired.
TEST_F(QuantEaSearch, FindsPoliciesUnderATightLimit) {
  for (const char* strategy : {"nsga3", "vega_archive"}) {
    FakeSearchContext context(20, {2, 3, 4, 6, 8}, 2);
    const auto uniform = [&](int bits) {
      return context.flops(uniform_policy(context.space().network(), bits, bits));
    };
    context.max_flops = uniform(3);
    nlohmann::json options = sized(10, 16, 32);
    options["strategy"] = strategy;
    const SearchResult result = search(context, options);
    ASSERT_FALSE(result.candidates.empty()) << strategy;
    for (const Candidate& c : result.candidates) {
      EXPECT_LE(context.flops(c.policy), context.max_flops) << strategy;
    }
    EXPECT_GE(context.trials, 100) << strategy;
    EXPECT_GT(context.accuracy(result.candidates.front().policy), .6) << strategy;
  }
}

TEST_F(QuantEaSearch, NothingToLearnFromIsAnError) {
  FakeSearchContext context(4, {4, 8}, 2);
  context.fails = [](std::int64_t) { return true; };
  EXPECT_THROW(search(context, sized(1, 4, 4)), RunError);
}

}  // namespace
}  // namespace deneb
