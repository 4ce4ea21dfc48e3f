#include <deneb/search/search_algorithm.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "plugins/plugin_registry.h"
#include "support/fake_search_context.h"

namespace deneb {
namespace {

using ::testing::AllOf;
using testing::chain_network;
using ::testing::HasSubstr;
using testing::open_space;

/// Sum of weights * width: a second cost, in which activations have no part.
class WeightBits final : public CostModel {
 public:
  double layer(const LayerInfo& info, const LayerChoice& choice) const override {
    return double(info.weights) * choice.weight.bits;
  }
  std::string unit() const override { return "bits"; }
};

/// Keeps what was asked for.
class Context final : public testing::FakeSearchContext {
 public:
  using FakeSearchContext::FakeSearchContext;

  std::vector<TrialResult> evaluate(const std::vector<TrialRequest>& requests) override {
    for (const TrialRequest& request : requests) {
      tried.push_back(request.policy);
      origins.insert(request.origin);
    }
    return FakeSearchContext::evaluate(requests);
  }
  const CostModel& cost_model(const std::string& name) const override {
    return name == "size" ? weight_bits_ : FakeSearchContext::cost_model(name);
  }
  std::vector<Limit> limits() const override {
    std::vector<Limit> limits = FakeSearchContext::limits();
    if (max_size > 0) limits.push_back({"size", max_size});
    return limits;
  }
  bool within_limits(const BitPolicy& policy) const override {
    return FakeSearchContext::within_limits(policy) && (max_size <= 0 || size(policy) <= max_size);
  }
  void log(const std::string& text) override { logged += text; }

  double size(const BitPolicy& policy) const {
    return weight_bits_.total(space().network(), policy);
  }
  BitPolicy uniform(int bits) const { return uniform_policy(space().network(), bits, bits); }

  double max_size = 0;
  std::vector<BitPolicy> tried;
  std::set<std::string> origins;
  std::string logged;

 private:
  WeightBits weight_bits_;
};

const nlohmann::json kObjectives = {{{"name", "accuracy"}}, {{"name", "flops"}}};

SearchResult search(Context& context, nlohmann::json options) {
  static const auto registry = plugin_test::load({"random_search"});
  if (!options.contains("objectives")) options["objectives"] = kObjectives;
  const auto algorithm =
      plugin_test::make<SearchAlgorithm>(*registry, "RandomSearch", std::move(options));
  algorithm->validate(context);
  return algorithm->run(context);
}

std::string failure_of(Context& context, const nlohmann::json& options) {
  try {
    search(context, options);
  } catch (const ConfigError& e) {
    return std::string("config: ") + e.what();
  } catch (const RunError& e) {
    return std::string("run: ") + e.what();
  }
  return "";
}

std::vector<std::string> texts(const std::vector<BitPolicy>& policies) {
  std::vector<std::string> texts;
  for (const BitPolicy& policy : policies) texts.push_back(policy.text());
  return texts;
}

std::size_t different(const std::vector<BitPolicy>& policies) {
  const std::vector<std::string> all = texts(policies);
  return std::set<std::string>(all.begin(), all.end()).size();
}

// The mean of the widths is 4, four standard deviations of a policy's cost above W3A3.
TEST(RandomSearch, EveryPolicyIsWithinTheWindow) {
  for (const int bits : {3, 4, 5}) {
    Context context(20, {2, 3, 4, 5, 6}, 5);
    context.max_flops = context.flops(context.uniform(bits));
    const SearchResult result = search(context, {{"samples", 200}, {"fill", 0.96}});
    EXPECT_EQ(context.trials, 200) << bits;
    EXPECT_EQ(different(context.tried), 200u) << bits;
    for (const BitPolicy& policy : context.tried) {
      EXPECT_LE(context.flops(policy), context.max_flops);
      EXPECT_GE(context.flops(policy), 0.96 * context.max_flops);
    }
    EXPECT_EQ(context.origins, std::set<std::string>{"random"});
    EXPECT_EQ(context.logged, "");
    EXPECT_FALSE(result.candidates.empty());
  }
}

TEST(RandomSearch, SeveralLimitsAreFilledTogether) {
  Context context(20, {2, 3, 4, 5, 6}, 5);
  context.max_flops = context.flops(context.uniform(3));
  context.max_size = context.size(context.uniform(4));
  search(context, {{"samples", 100}, {"fill", 0.9}});
  EXPECT_EQ(different(context.tried), 100u);
  for (const BitPolicy& policy : context.tried) {
    EXPECT_LE(context.flops(policy), context.max_flops);
    EXPECT_GE(context.flops(policy), 0.9 * context.max_flops);
    EXPECT_LE(context.size(policy), context.max_size);
    EXPECT_GE(context.size(policy), 0.9 * context.max_size);
  }
}

// Mean width of all weights and of all activations.
std::pair<double, double> mean_widths(const std::vector<BitPolicy>& policies) {
  double weight = 0, activation = 0, layers = 0;
  for (const BitPolicy& policy : policies) {
    for (const auto& [name, choice] : policy.layers()) {
      weight += choice.weight.bits;
      activation += choice.activation.bits;
      ++layers;
    }
  }
  return {weight / layers, activation / layers};
}

TEST(RandomSearch, GenesThatHaveNoPartInTheLimitStayUniform) {
  Context context(20, {2, 3, 4, 5, 6}, 5);
  context.max_size = context.size(context.uniform(3));
  search(context, {{"samples", 200}, {"fill", 0.9}});
  const auto [weight, activation] = mean_widths(context.tried);
  EXPECT_LT(weight, 3.2);
  EXPECT_NEAR(activation, 4, 0.1);  // standard deviation of the mean: 0.022
}

TEST(RandomSearch, WithoutLimitsEveryCandidateIsAsLikely) {
  Context context(5, {8, 2, 4}, 5);
  const int samples = 3000;
  search(context, {{"samples", samples}});
  ASSERT_EQ(context.trials, samples);
  std::vector<std::vector<int>> counts(10, std::vector<int>(3, 0));
  for (const BitPolicy& policy : context.tried) {
    const std::vector<int> genome = context.space().encode(policy);
    for (std::size_t g = 0; g < counts.size(); ++g) ++counts[g][std::size_t(genome[g])];
  }
  // Five standard deviations of a binomial count.
  const double spread = 5 * std::sqrt(samples * 2 / 9.);
  for (const auto& gene : counts) {
    for (const int count : gene) EXPECT_NEAR(count, samples / 3., spread);
  }
}

TEST(RandomSearch, SameSeedSamePoliciesOtherSeedOthers) {
  const auto tried = [](std::uint64_t seed, const nlohmann::json& options) {
    Context context(8, {2, 4, 8}, seed);
    context.max_flops = context.flops(context.uniform(4));
    search(context, options);
    return texts(context.tried);
  };
  const auto reference = tried(3, {{"samples", 40}, {"fill", 0.9}});
  EXPECT_EQ(reference, tried(3, {{"samples", 40}, {"fill", 0.9}}));
  EXPECT_EQ(reference, tried(3, {{"samples", 40}, {"fill", 0.9}, {"batch", 7}}));
  EXPECT_NE(reference, tried(4, {{"samples", 40}, {"fill", 0.9}}));
}

TEST(RandomSearch, PoliciesGoToTheWorkersInBatches) {
  Context context(8, {2, 4, 8}, 3);
  search(context, {{"samples", 20}, {"batch", 8}});
  EXPECT_EQ(context.calls, 3);
  EXPECT_EQ(context.trials, 20);
}

TEST(RandomSearch, ASmallSpaceIsTriedWhole) {
  Context context(2, {8, 2, 4}, 3);
  search(context, {{"samples", 100}});
  EXPECT_EQ(context.trials, 81);
  EXPECT_THAT(context.logged, HasSubstr("found 81 different policies, 100 were asked for"));
  Context limited(1, {2, 4, 8}, 3);
  limited.max_flops = limited.flops(limited.uniform(4));
  search(limited, {{"samples", 100}});
  EXPECT_EQ(limited.trials, 4);  // no width of 8
}

TEST(RandomSearch, LayersMayHaveOneGeneOrShareThem) {
  SearchSpaceOptions options = open_space({2, 4, 8});
  options.overrides = {{"layer1", "int8", "search"}, {"layer3", {"int2", "int8"}, "int4"}};
  options.groups = {{{"layer0", "layer2"}}};
  Context context(chain_network(4), options, 3);
  search(context, {{"samples", 100}});
  EXPECT_EQ(context.trials, 3 * 3 * 3 * 2);
  for (const BitPolicy& policy : context.tried) {
    EXPECT_EQ(policy.find("layer0")->weight, policy.find("layer2")->weight);
    EXPECT_EQ(policy.find("layer1")->weight.text(), "int8");
    EXPECT_EQ(policy.find("layer3")->activation.text(), "uint4");
  }
}

TEST(RandomSearch, FormatsOfOneWidthAreBothReached) {
  SearchSpaceOptions options = open_space({});
  options.weight_candidates =
      options.activation_candidates = {"e4m3", "int4", "e5m2", "int8", "e2m1"};
  Context context(chain_network(12), options, 3);
  context.max_flops = 0.75 * context.flops(context.uniform(8));
  search(context, {{"samples", 100}, {"fill", 0.9}});
  EXPECT_EQ(context.trials, 100);
  std::set<std::string> formats;
  for (const BitPolicy& policy : context.tried) {
    EXPECT_GE(context.flops(policy), 0.9 * context.max_flops);
    for (const auto& [name, choice] : policy.layers()) formats.insert(choice.weight.text());
  }
  EXPECT_EQ(formats.size(), 5u);
}

TEST(RandomSearch, TheResultIsTheParetoSetOfAllTrials) {
  Context context(6, {2, 4, 8}, 9);
  context.fails = [](std::int64_t id) { return id % 3 == 0; };
  const SearchResult result = search(context, {{"samples", 60}});
  ASSERT_FALSE(result.candidates.empty());
  for (const Candidate& c : result.candidates) {
    EXPECT_NE(c.trial % 3, 0);
    for (std::size_t i = 0; i < context.tried.size(); ++i) {
      if ((i + 1) % 3 == 0) continue;
      const BitPolicy& other = context.tried[i];
      EXPECT_FALSE(dominates({context.accuracy(other), context.flops(other)},
                             {c.metrics.at("accuracy"), c.metrics.at("flops")}, result.objectives));
    }
  }
}

TEST(RandomSearch, ObjectivesAreMetricAndLimitedCostByDefault) {
  Context context(6, {2, 4, 8}, 9);
  context.max_flops = context.flops(context.uniform(4));
  const SearchResult result =
      search(context, {{"samples", 5}, {"objectives", nlohmann::json::array()}});
  ASSERT_EQ(result.objectives.size(), 2u);
  EXPECT_EQ(result.objectives[0].name, "accuracy");
  EXPECT_EQ(result.objectives[0].direction, Direction::kMaximize);
  EXPECT_EQ(result.objectives[1].name, "flops");
  EXPECT_EQ(result.objectives[1].direction, Direction::kMinimize);
  context.max_flops = 0;  // this context has no bitops
  EXPECT_THAT(failure_of(context, {{"objectives", nlohmann::json::array()}}),
              HasSubstr("config: search_algorithm.objectives (default): no metric or cost is named "
                        "\"bitops\""));
}

TEST(RandomSearch, BudgetsThatNobodyMeetsAreNamed) {
  Context context(6, {2, 4, 8}, 9);
  context.max_flops = 2 * context.flops(context.space().decode(context.space().widest()));
  EXPECT_THAT(failure_of(context, {{"fill", 0.96}, {"max_attempts", 20}}),
              AllOf(HasSubstr("run: RandomSearch: 20 random policies do not use 0.96 of the limit "
                              "of 12000 on flops, the nearest uses 6000"),
                    HasSubstr("lower search_algorithm.fill")));
  context.max_flops = 100;
  EXPECT_THAT(
      failure_of(context, {{"max_attempts", 20}}),
      AllOf(HasSubstr("do not come below the limit of 100 on flops, the nearest takes 1500"),
            HasSubstr("raise it or offer narrower widths")));
  EXPECT_EQ(context.trials, 0);
}

TEST(RandomSearch, WrongOptionsAreNamed) {
  Context context(4, {4, 8}, 2);
  EXPECT_THAT(failure_of(context, {{"fill", 0.5}}),
              HasSubstr("config: search_algorithm.fill: is "));
  EXPECT_THAT(failure_of(context, {{"objectives", {{{"name", "flop"}}}}}),
              HasSubstr("search_algorithm.objectives[0].name: no metric or cost is named \"flop\"; "
                        "did you mean \"flops\"?"));
  EXPECT_THAT(failure_of(context, {{"objectives", {{{"name", "flops"}}, {{"name", "flops"}}}}}),
              HasSubstr("is there twice"));
  EXPECT_THAT(failure_of(context, {{"fill", 1.5}}), HasSubstr("fill"));
  EXPECT_THAT(failure_of(context, {{"samples", 0}}), HasSubstr("samples"));
  EXPECT_EQ(context.trials, 0);
}

}  // namespace
}  // namespace deneb
