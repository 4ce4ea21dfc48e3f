#include <deneb/plugin/loader.h>
#include <deneb/quant/policy_file.h>
#include <deneb/search/search_algorithm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "scratch_folder.h"
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
  // What the search says against the options; "" if it takes them.
  std::string refusal(FakeSearchContext& context, const nlohmann::json& options) {
    try {
      search(context, options);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
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

// A context that keeps what was asked for and logged.
class RecordingContext : public FakeSearchContext {
 public:
  using FakeSearchContext::FakeSearchContext;
  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& asked) override {
    requests.insert(requests.end(), asked.begin(), asked.end());
    return FakeSearchContext::evaluate(asked);
  }
  void log(const std::string& text) override { logged += text + "\n"; }
  std::vector<TrialRequest> requests;
  std::string logged;
};

using Front = std::vector<std::pair<double, double>>;  // cost, accuracy

Front front_of(const SearchResult& result) {
  Front front;
  for (const Candidate& c : result.candidates) {
    front.emplace_back(c.metrics.at("flops"), c.metrics.at("accuracy"));
  }
  return front;
}

// The best accuracy of every reachable cost of FakeSearchContext with the widths 2, 4 and 8, layer
// by layer: costs are multiples of 1000 / 32.
Front true_front(const SearchSpace& space) {
  std::map<std::int64_t, double> best{{0, 1.0}};
  for (std::size_t layer = 0; layer < space.network().layers.size(); ++layer) {
    const std::int64_t macs = space.network().layers[layer].macs / 1000;
    for (int tensor = 0; tensor < 2; ++tensor) {
      std::map<std::int64_t, double> next;
      for (const auto& [cost, accuracy] : best) {
        for (const int bits : {2, 4, 8}) {
          const double now =
              accuracy - FakeSearchContext::sensitivity(layer) * std::pow(2.0, -bits);
          const auto [entry, is_new] = next.emplace(cost + macs * bits, now);
          if (!is_new) entry->second = std::max(entry->second, now);
        }
      }
      best = std::move(next);
    }
  }
  Front front;
  for (const auto& [cost, accuracy] : best) front.emplace_back(double(cost) * 1000 / 32, accuracy);
  return front;
}

// Area between the front and the corner of the largest cost and the smallest accuracy there are.
double hypervolume(Front points, const FakeSearchContext& context) {
  const SearchSpace& space = context.space();
  const double most = context.flops(space.decode(space.widest()));
  double best = context.accuracy(space.decode(space.narrowest())), area = 0;
  const double least = best;
  std::sort(points.begin(), points.end());
  for (std::size_t i = 0; i < points.size(); ++i) {
    best = std::max(best, points[i].second);
    const double next = i + 1 < points.size() ? points[i + 1].first : most;
    area += (next - points[i].first) * (best - least);
  }
  return area;
}

TEST_F(QuantEaSearch, BudgetIsSamplesPlusGenerationsTimesIndividuals) {
  FakeSearchContext context(10, {2, 4, 8}, 5);
  search(context, sized(50, 16, 32));
  EXPECT_EQ(context.trials, 832);
  EXPECT_EQ(context.calls, 51);  // one batch for the first policies, one per generation
}

TEST_F(QuantEaSearch, TheTrueFrontOfTheTestsIsThatOfAllPolicies) {
  FakeSearchContext context(3, {2, 4, 8}, 1);
  Front all;
  std::vector<int> genome(6, 0);
  for (int code = 0; code < 729; ++code) {
    for (int g = 0, rest = code; g < 6; ++g, rest /= 3) genome[std::size_t(g)] = rest % 3;
    const BitPolicy policy = context.space().decode(genome);
    all.emplace_back(context.flops(policy), context.accuracy(policy));
  }
  EXPECT_NEAR(hypervolume(true_front(context.space()), context), hypervolume(all, context), 1e-9);
}

// Ten layers, 832 evaluations. The corner is as near as it can be: with one of accuracy 0 and twice
// the largest cost all shares are above 0.99.
TEST_F(QuantEaSearch, FindsTheFrontBetterThanTheOtherStrategies) {
  std::map<std::string, std::vector<double>> shares;
  for (const char* strategy : {"nsga3", "vega_archive", "nsga2"}) {
    std::int64_t trials = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      FakeSearchContext context(10, {2, 4, 8}, seed);
      nlohmann::json options = sized(50, 16, 32);
      options["strategy"] = strategy;
      const SearchResult result = search(context, options);
      EXPECT_LE(context.trials, 832);
      trials += context.trials;
      shares[strategy].push_back(hypervolume(front_of(result), context) /
                                 hypervolume(true_front(context.space()), context));
    }
    std::sort(shares[strategy].begin(), shares[strategy].end());
    std::printf("%s: share of the hypervolume %.4f to %.4f, median %.4f; %d policies\n", strategy,
                shares[strategy].front(), shares[strategy].back(), shares[strategy][5],
                static_cast<int>(trials / 10));
  }
  EXPECT_GE(shares["nsga3"].front(), .98);
  EXPECT_LE(shares["nsga3"].back(), 1 + 1e-9);
  EXPECT_GT(shares["nsga3"][5], shares["vega_archive"][5]);
  EXPECT_GT(shares["nsga3"][5], shares["nsga2"][5]);
}

TEST_F(QuantEaSearch, PagmosAlgorithmsRunByNameAndRepeatThemselves) {
  for (const char* strategy : {"nsga2", "moead", "nspso", "maco"}) {
    FakeSearchContext context(10, {2, 4, 8}, 5), again(10, {2, 4, 8}, 5), none(10, {2, 4, 8}, 5);
    nlohmann::json options = sized(30, 16, 32);
    options["strategy"] = strategy;
    const SearchResult result = search(context, options);
    EXPECT_EQ(text(result), text(search(again, options))) << strategy;
    EXPECT_GT(context.trials, 32) << strategy;
    EXPECT_LE(context.trials, 32 + 30 * 16) << strategy;
    options["policy"]["num_generation"] = 0;
    const double before = hypervolume(front_of(search(none, options)), none);
    EXPECT_GT(hypervolume(front_of(result), context), before) << strategy;
  }
}

TEST_F(QuantEaSearch, PopulationsOfAnySizeAndManyObjectives) {
  for (const int individuals : {4, 5, 7, 13}) {
    FakeSearchContext context(6, {2, 4, 8}, 5);
    search(context, sized(3, individuals, individuals));
    EXPECT_EQ(context.trials, 4 * individuals);
  }
  FakeSearchContext context(6, {2, 4, 8}, 5);
  nlohmann::json options = sized(1, 10, 20);
  options["strategy"] = "nsga2";
  EXPECT_THROW(search(context, options), ConfigError);
}

TEST_F(QuantEaSearch, BeginsWithThePoliciesOfAnEarlierStep) {
  const ScratchFolder folder;
  RecordingContext context(6, {2, 4, 8}, 11);
  const SearchSpace& space = context.space();
  PolicyFile file;
  file.policy = space.decode({0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2});
  write_policy_file(folder / "nas/policies/2.json", file);
  file.policy = space.decode({2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1});
  write_policy_file(folder / "nas/policies/12.json", file);
  nlohmann::json options = sized(2, 8, 16);
  options["warm_start"] = folder / "nas";
  search(context, options);
  EXPECT_EQ(context.trials, 32) << "within the budget";
  EXPECT_EQ(context.requests[0].policy.text(),
            space.decode({0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}).text());
  EXPECT_EQ(context.requests[1].policy.text(), file.policy.text());
  std::map<std::string, int> origins;
  for (const TrialRequest& request : context.requests) ++origins[request.origin];
  EXPECT_EQ(origins, (std::map<std::string, int>{{"warm start", 2},
                                                 {"uniform", 3},
                                                 {"random", 11},
                                                 {"generation 1", 8},
                                                 {"generation 2", 8}}));
  // One file; what breaks a limit of the step is left out.
  RecordingContext limited(6, {2, 4, 8}, 11);
  limited.max_flops = context.flops(file.policy) - 1;
  options["warm_start"] = folder / "nas/policies/12.json";
  search(limited, options);
  EXPECT_THAT(limited.logged, HasSubstr("policy 12 breaks a limit"));
  EXPECT_NE(limited.requests[0].origin, "warm start");

  const auto refusal = [&](FakeSearchContext& other) -> std::string {
    try {
      search(other, options);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  };
  FakeSearchContext narrow(6, {2, 3}, 11);
  EXPECT_THAT(refusal(narrow), HasSubstr("warm_start: "));
  EXPECT_THAT(refusal(narrow), HasSubstr("12.json: policy: layer layer0 uses int8"));
  std::filesystem::create_directories(folder / "empty");
  options["warm_start"] = folder / "empty";
  EXPECT_THAT(refusal(context), HasSubstr("holds no policies"));
}

TEST_F(QuantEaSearch, AWarmStartIsNeverWorseThanWhatItBeganWith) {
  const ScratchFolder folder;
  FakeSearchContext context(10, {2, 4, 8}, 3);
  // The exact optimum of two budgets, as an assignment by scores would give.
  PolicyFile file;
  file.policy =
      context.space().decode({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  const double cost = context.flops(file.policy), accuracy = context.accuracy(file.policy);
  write_policy_file(folder / "w4.json", file);
  nlohmann::json options = sized(5, 8, 12);
  options["warm_start"] = folder / "w4.json";
  options["targets"] = {{{"name", "w4"}, {"cost", "flops"}, {"max", cost}}};
  const SearchResult result = search(context, options);
  ASSERT_EQ(result.candidates.size(), 1u);
  EXPECT_EQ(result.candidates[0].name, "w4");
  EXPECT_LE(result.candidates[0].metrics.at("flops"), cost);
  EXPECT_GE(result.candidates[0].metrics.at("accuracy"), accuracy);
}

TEST_F(QuantEaSearch, TargetsPutForwardTheBestWithinEach) {
  FakeSearchContext context(6, {2, 4, 8}, 3), whole(6, {2, 4, 8}, 3);
  nlohmann::json options = sized(10, 8, 16);
  const SearchResult front = search(whole, options);
  options["targets"] = {{{"cost", "flops"}, {"weight_bits", 4}, {"activation_bits", 4}},
                        {{"cost", "flops"}, {"max", 1e9}, {"name", "all"}}};
  const SearchResult result = search(context, options);
  ASSERT_EQ(result.candidates.size(), 2u);
  const double w4 = context.flops(uniform_policy(context.space().network(), 4, 4));
  EXPECT_EQ(result.candidates[0].name.substr(0, 6), "flops_");
  for (const Candidate& c : front.candidates) {
    if (c.metrics.at("flops") > w4) continue;
    EXPECT_EQ(result.candidates[0].policy.text(), c.policy.text()) << "the best of those within";
    break;
  }
  EXPECT_EQ(result.candidates[1].policy.text(), front.candidates[0].policy.text());
  // A cost that is no objective: whatever was tried counts.
  FakeSearchContext other(6, {2, 4, 8}, 3);
  options["objectives"] = {{{"name", "accuracy"}}, {{"name", "flops"}, {"direction", "max"}}};
  const SearchResult dearest = search(other, options);
  ASSERT_EQ(dearest.candidates.size(), 2u) << "the front is one policy, the widest";
  EXPECT_LE(dearest.candidates[0].metrics.at("flops"), w4);
  options["targets"] = {{{"cost", "flops"}, {"max", 1e9}, {"name", "a/b"}}};
  EXPECT_THROW(search(context, options), ConfigError) << "no name of a file";
  options["targets"] = {{{"cost", "flops"}, {"max", 1.0}}};
  EXPECT_THROW(search(context, options), ConfigError) << "below the narrowest policy";
}

TEST_F(QuantEaSearch, FinalistsAreTheBestPoliciesOfEachTarget) {
  for (const std::string strategy : {"nsga3", "nsga2"}) {
    RecordingContext context(6, {2, 4, 8}, 3);
    nlohmann::json options = sized(10, 8, 16);
    options["strategy"] = strategy;
    options["finalists"] = 5;
    const double w4 = context.flops(uniform_policy(context.space().network(), 4, 4));
    options["targets"] = {{{"cost", "flops"}, {"max", w4}, {"name", "w4"}},
                          {{"cost", "flops"}, {"max", 1e9}, {"name", "all"}}};
    const SearchResult result = search(context, options);
    ASSERT_EQ(result.candidates.size(), 10u) << strategy;
    const std::vector<std::string> names = {"w4", "w4_2", "w4_3", "w4_4", "w4_5"};
    std::set<std::string> policies;
    for (std::size_t k = 0; k < names.size(); ++k) {
      const Candidate& finalist = result.candidates[k];
      EXPECT_EQ(finalist.name, names[k]);
      EXPECT_LE(finalist.metrics.at("flops"), w4);
      EXPECT_TRUE(policies.insert(finalist.policy.text()).second) << "twice: " << finalist.name;
    }
    // What was tried within the target and is no finalist is no better than the last one.
    const double last = result.candidates[4].metrics.at("accuracy");
    for (const TrialRequest& request : context.requests) {
      if (context.flops(request.policy) > w4 || policies.count(request.policy.text())) continue;
      EXPECT_LE(context.accuracy(request.policy), last) << strategy;
    }
  }
  // More than there are.
  FakeSearchContext context(1, {2, 4}, 3);
  nlohmann::json options = sized(1, 4, 4);
  options["finalists"] = 50;
  options["targets"] = {{{"cost", "flops"}, {"max", 1e9}, {"name", "all"}}};
  EXPECT_EQ(search(context, options).candidates.size(), 4u);
  options["targets"].push_back({{"cost", "flops"}, {"max", 1e9}, {"name", "all_50"}});
  EXPECT_THAT(refusal(context, options),
              HasSubstr("a policy of another target has the name all_50"));
  options["targets"] = nlohmann::json::array();
  EXPECT_THAT(refusal(context, options), HasSubstr("no targets to put policies forward for"));
}

// Twenty layers, 208 evaluations, and the best accuracies there are within two costs.
TEST_F(QuantEaSearch, FillKeepsToTheTargetsAndFindsBetterPoliciesThere) {
  std::map<double, std::vector<double>> missing;  // accuracy, by fill
  for (const double fill : {0.0, 0.95}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      RecordingContext context(20, {2, 4, 8}, seed);
      const double low = context.flops(uniform_policy(context.space().network(), 2, 4));
      const double high = context.flops(uniform_policy(context.space().network(), 4, 4));
      context.max_flops = high;
      nlohmann::json options = sized(12, 16, 16);
      options["fill"] = fill;
      options["targets"] = {{{"cost", "flops"}, {"max", low}}, {{"cost", "flops"}, {"max", high}}};
      const SearchResult result = search(context, options);
      ASSERT_EQ(result.candidates.size(), 2u);
      double lacks = 0;
      for (const Candidate& candidate : result.candidates) {
        const double cost = &candidate == &result.candidates[0] ? low : high;
        double most = 0;
        for (const auto& [flops, accuracy] : true_front(context.space())) {
          if (flops <= cost) most = std::max(most, accuracy);
        }
        EXPECT_LE(candidate.metrics.at("flops"), cost);
        lacks += most - candidate.metrics.at("accuracy");
      }
      missing[fill].push_back(lacks);
      for (const TrialRequest& request : context.requests) {
        if (fill == 0 || request.origin == "uniform") continue;
        const double use = context.flops(request.policy);
        EXPECT_TRUE((use >= fill * low && use <= low) || (use >= fill * high && use <= high))
            << request.origin << ": " << use << " of " << low << ", " << high;
      }
    }
  }
  for (auto& entry : missing) std::sort(entry.second.begin(), entry.second.end());
  std::printf("missing accuracy: %.4f; with fill: %.4f (median of ten)\n", missing[0.0][5],
              missing[0.95][5]);
  EXPECT_LT(missing[0.95][5], missing[0.0][5]);
}

TEST_F(QuantEaSearch, FillIsRefusedWhereItCannotBe) {
  FakeSearchContext context(6, {2, 4, 8}, 3);
  const auto message = [&](const nlohmann::json& options) { return refusal(context, options); };
  nlohmann::json options = sized(2, 8, 8);
  options["fill"] = 0.9;
  EXPECT_THAT(message(options), HasSubstr("no targets to fill"));
  options["targets"] = {{{"cost", "flops"}, {"weight_bits", 4}, {"activation_bits", 4}}};
  EXPECT_EQ(message(options), "");
  options["strategy"] = "nsga2";
  EXPECT_THAT(message(options), HasSubstr("use nsga3, or set it to 0"));
  options["strategy"] = "nsga3";
  options["targets"][0] = {{"cost", "flops"}, {"max", 1e9}};
  EXPECT_THAT(message(options), HasSubstr("of the widest policy is at most"));
  options["targets"][0] = {{"cost", "flops"}, {"weight_bits", 8}, {"activation_bits", 8}};
  EXPECT_EQ(message(options), "");
  context.max_flops = context.flops(uniform_policy(context.space().network(), 4, 8));
  EXPECT_THAT(message(options), HasSubstr("within the limits of the step is at most"));
}

TEST_F(QuantEaSearch, AnchorsHoldTheUniformPoliciesOfTargets) {
  const auto uniform_requests = [&](const nlohmann::json& target) {
    RecordingContext context(6, {2, 4, 8}, 3);
    nlohmann::json options = sized(1, 8, 8);
    options["targets"] = {target};
    search(context, options);
    std::set<std::string> tried;
    for (const TrialRequest& request : context.requests) {
      if (request.origin == "uniform") tried.insert(request.policy.text());
    }
    return tried;
  };
  const FakeSearchContext context(6, {2, 4, 8}, 3);
  const auto text = [&](int weight, int activation) {
    return context.space().at_widths(weight, activation).text();
  };
  const std::set<std::string> same = {text(2, 2), text(4, 4), text(8, 8)};
  std::set<std::string> more = same;
  more.insert(text(2, 4));
  EXPECT_EQ(uniform_requests({{"cost", "flops"}, {"weight_bits", 2}, {"activation_bits", 4}}),
            more);
  EXPECT_EQ(uniform_requests({{"cost", "flops"}, {"weight_bits", 4}, {"activation_bits", 4}}),
            same);
  EXPECT_EQ(uniform_requests({{"cost", "flops"}, {"weight_bits", 3}, {"activation_bits", 4}}), same)
      << "3 bits are no candidate";
  EXPECT_EQ(uniform_requests({{"cost", "flops"}, {"weight_bits", 2.5}, {"activation_bits", 4}}),
            same);
}

TEST_F(QuantEaSearch, MarksTheKneeAndDrawsTheHypervolume) {
  FakeSearchContext context(8, {2, 4, 8}, 3);
  const SearchResult result = search(context, sized(10, 8, 16));
  std::vector<std::string> marked;
  for (const Candidate& c : result.candidates) {
    if (!c.mark.empty()) marked.push_back(c.name);
  }
  ASSERT_EQ(marked.size(), 1u);
  ASSERT_EQ(result.artifacts.size(), 1u);
  EXPECT_EQ(result.artifacts[0].kind, "policy");
  EXPECT_EQ(result.artifacts[0].file, "policies/" + marked[0] + ".json");
  ASSERT_EQ(result.figures.size(), 2u);
  EXPECT_EQ(result.figures[0].name, "hypervolume");
  const auto& points = result.figures[0].series[0].points;
  ASSERT_EQ(points.size(), 11u);
  for (std::size_t i = 1; i < points.size(); ++i) EXPECT_GE(points[i].second, points[i - 1].second);
  EXPECT_GT(points.back().second, points.front().second);
  EXPECT_GE(result.figures[1].series[1].points.size(), result.candidates.size());
  EXPECT_EQ(result.figures[1].series[2].points.size(), 1u);
  for (const Figure& figure : result.figures) to_json(figure);  // throws for what is no figure
}

TEST_F(QuantEaSearch, EndsWhenTheHypervolumeStagnates) {
  RecordingContext context(3, {4, 8}, 3);  // 64 policies: found soon
  nlohmann::json options = sized(200, 8, 16);
  options["stagnation"] = {{"generations", 5}};
  search(context, options);
  EXPECT_LT(context.calls, 60);
  EXPECT_GE(context.calls, 6);
  EXPECT_THAT(context.logged, HasSubstr("ends after generation"));
}

// Ranks, not places in the list, are what evolves.
TEST_F(QuantEaSearch, TheOrderOfCandidatesDoesNotMatter) {
  FakeSearchContext sorted(6, {2, 4, 8}, 3), mixed(6, {8, 2, 4}, 3);
  const auto options = sized(10, 8, 16);
  EXPECT_EQ(text(search(sorted, options)), text(search(mixed, options)));
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

// Where a list of candidates has one, nothing is decided.
TEST_F(QuantEaSearch, GenesMayHaveOneCandidate) {
  SearchSpaceOptions options = testing::open_space({2, 4, 8});
  options.weight_candidates = {"int4"};
  for (const char* strategy : {"nsga3", "nsga2", "moead", "nspso", "maco", "vega_archive"}) {
    FakeSearchContext context(testing::chain_network(4), options, 5);
    ASSERT_EQ(context.space().genes().front().candidates.size(), 1u);
    nlohmann::json json = sized(12, 12, 12);
    json["strategy"] = strategy;
    const SearchResult result = search(context, json);
    ASSERT_FALSE(result.candidates.empty()) << strategy;
    for (const Candidate& candidate : result.candidates) {
      EXPECT_EQ(candidate.policy.find("layer1")->weight.text(), "int4") << strategy;
    }
  }
}

TEST_F(QuantEaSearch, AnchorsAreTried) {
  FakeSearchContext context(10, {2, 4, 8}, 2);
  const SearchResult result = search(context, sized(0, 8, 8));
  EXPECT_EQ(context.trials, 8) << "they count as samples";
  EXPECT_EQ(result.candidates.front().policy.text(),
            context.space().decode(context.space().widest()).text());
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
  const auto error = [&](const nlohmann::json& options) { return refusal(context, options); };
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
