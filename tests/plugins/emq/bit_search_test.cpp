#include "bit_search.h"

#include <gmock/gmock.h>

#include <deneb/search/multiple_choice_knapsack.h>

#include <cmath>

#include "exact_assignment.h"
#include "support/fake_search_context.h"

namespace deneb::emq::bits {
namespace {

using ::testing::HasSubstr;
using Genome = std::vector<int>;

// Six layers with three widths for the weights; inputs have 8 bits.
class Six : public deneb::testing::FakeSearchContext {
 public:
  explicit Six(std::vector<int> widths = {2, 3, 4})
      : FakeSearchContext(deneb::testing::chain_network(6), space_of(std::move(widths)), 1) {}

 private:
  static SearchSpaceOptions space_of(std::vector<int> widths) {
    SearchSpaceOptions options = deneb::testing::open_space(std::move(widths));
    options.overrides.push_back({"*", Words("search"), Words("int8")});
    return options;
  }
};

// -worth * bits, or a random damage of every width.
LayerScores scores_of(const SearchSpace& space, std::uint64_t seed, bool linear) {
  std::mt19937_64 rng(seed);
  LayerScores scores;
  for (const LayerInfo& layer : space.network().layers) {
    LayerScore score{layer.name, {}, {}};
    const double worth = uniform_real(rng);
    for (const Format& format : space.genes()[0].candidates) {
      score.weight[format.text()] = linear ? -worth * format.bits : uniform_real(rng);
    }
    scores.layers.push_back(std::move(score));
  }
  return scores;
}

BitSearchLimits at_width(int bits) {
  CostLimit limit;
  limit.cost = "flops";
  limit.weight_bits = bits;
  limit.activation_bits = 8;
  return {"w" + std::to_string(bits), {limit}};
}

struct Best {
  Genome genome;
  double score = INFINITY, cost = 0;
};

// Of all 729.
Best brute_force(const BitSearchProblem& problem) {
  Best best;
  for (int code = 0; code < 729; ++code) {
    Genome genome;
    for (int g = 0, rest = code; g < 6; ++g, rest /= 3) genome.push_back(rest % 3);
    const auto costs = problem.costs(genome);
    if (!problem.is_within(costs)) continue;
    const double score = problem.score(genome);
    const bool better = score < best.score - 1e-12 ||
                        (std::fabs(score - best.score) <= 1e-12 &&
                         (costs[0] < best.cost || (costs[0] == best.cost && genome < best.genome)));
    if (better) best = {genome, score, costs[0]};
  }
  return best;
}

BitSearchOptions with(const std::string& strategy) {
  BitSearchOptions options;
  options.strategy = strategy;
  options.samples = 20000;
  options.mutations = 6;
  return options;
}

TEST(BitSearch, FindsTheBestOfFew) {
  const Six context;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const LayerScores scores = scores_of(context.space(), seed, seed % 2 == 0);
    const BitSearchProblem problem(context, scores, "scores", at_width(3), 0);
    const Best best = brute_force(problem);
    for (const char* strategy : {"mutate_root", "evolution", "random"}) {
      SCOPED_TRACE(strategy);
      const auto found = search_bits(problem, with(strategy), std::nullopt, std::mt19937_64(seed));
      ASSERT_TRUE(found.genome.has_value()) << found.reason;
      EXPECT_EQ(*found.genome, best.genome);
      EXPECT_NEAR(found.score, best.score, 1e-12);
      EXPECT_EQ(found.drawn, 20000);
      EXPECT_LE(found.different, 729);
      EXPECT_NEAR(found.history.back().second, found.score, 1e-12);
    }
    // And the exact assignment, which these are compared with.
    searches::AssignmentOptions options;
    searches::ConstraintSet limits;
    limits.name = "w3";
    limits.costs = at_width(3).costs;
    options.constraints = {limits};
    const searches::AssignmentSolver solver(context, scores, options, "scores");
    const auto exact = solver.solve({limits, 1, {}, 0}, [](const KnapsackProblem& knapsack) {
      return solve_multiple_choice_knapsack(knapsack);
    });
    ASSERT_TRUE(exact.optimal);
    EXPECT_EQ(context.space().encode(exact.policy), best.genome);
    EXPECT_NEAR(exact.solution.cost, best.score, 1e-12);
  }
}

TEST(BitSearch, EqualScoresGoToTheSmallerThenTheFirst) {
  const Six context;
  LayerScores scores = scores_of(context.space(), 1, true);
  for (LayerScore& layer : scores.layers) {
    for (auto& entry : layer.weight) entry.second = 1;
  }
  const BitSearchProblem problem(context, scores, "scores", at_width(3), 0);
  for (const char* strategy : {"mutate_root", "evolution", "random"}) {
    const auto found = search_bits(problem, with(strategy), std::nullopt, std::mt19937_64(1));
    EXPECT_EQ(*found.genome, Genome(6, 0)) << strategy;  // the narrowest of all
  }
  // Two layers of one size: the first one is narrowed.
  EXPECT_EQ(context.space().network().layers[0].macs, context.space().network().layers[3].macs);
  for (LayerScore& layer : scores.layers) {
    for (auto& entry : layer.weight) entry.second = 0;
    const bool twin = layer.name == "layer0" || layer.name == "layer3";
    if (!twin) layer.weight["int2"] = layer.weight["int3"] = 5;
    if (twin) layer.weight["int2"] = 1, layer.weight["int3"] = 0.5;
  }
  BitSearchLimits limits = at_width(4);
  limits.costs[0] = {};
  limits.costs[0].cost = "flops";
  limits.costs[0].max = problem.costs({2, 2, 2, 1, 2, 2})[0];
  const BitSearchProblem tight(context, scores, "scores", limits, 0);
  const auto found = search_bits(tight, with("evolution"), std::nullopt, std::mt19937_64(1));
  EXPECT_EQ(*found.genome, (Genome{1, 2, 2, 2, 2, 2}));
}

TEST(BitSearch, MutationsStayNearTheRoot) {
  const Six context;
  const LayerScores scores = scores_of(context.space(), 1, true);
  const BitSearchProblem problem(context, scores, "scores", at_width(4), 0);
  BitSearchOptions options = with("mutate_root");
  options.mutations = 1;
  const auto found = search_bits(problem, options, Genome(6, 0), std::mt19937_64(1));
  int changed = 0;
  for (const int candidate : *found.genome) changed += candidate != 0;
  EXPECT_EQ(changed, 1);
  EXPECT_EQ(found.different, 13);  // the root, and 6 decisions with 2 other widths
}

TEST(BitSearch, DrawsWithTheGivenProbabilities) {
  const Six context;
  const LayerScores scores = scores_of(context.space(), 1, true);
  const BitSearchProblem problem(context, scores, "scores", at_width(4), 0);
  BitSearchOptions options = with("random");
  options.probabilities = {1, 0, 1};
  const auto found = search_bits(problem, options, std::nullopt, std::mt19937_64(1));
  EXPECT_EQ(found.different, 64) << "no 3 bits";
  options.probabilities = {1, 0, 0};
  EXPECT_EQ(search_bits(problem, options, std::nullopt, std::mt19937_64(1)).different, 1);
}

TEST(BitSearch, UsesItsShareOfTheLimit) {
  const Six context;
  LayerScores scores = scores_of(context.space(), 1, true);
  for (LayerScore& layer : scores.layers) {
    for (auto& entry : layer.weight) entry.second *= -1;  // fewer bits are better
  }
  const BitSearchProblem problem(context, scores, "scores", at_width(3), 0.97);
  const auto found = search_bits(problem, with("random"), std::nullopt, std::mt19937_64(1));
  ASSERT_TRUE(found.genome.has_value());
  EXPECT_GE(found.costs[0], 0.97 * problem.most()[0]);
  EXPECT_LE(found.costs[0], problem.most()[0]);
}

TEST(BitSearch, SaysWhyNothingIsFound) {
  const Six context;
  const LayerScores scores = scores_of(context.space(), 1, true);
  BitSearchLimits limits = at_width(3);
  limits.costs[0] = {};
  limits.costs[0].cost = "flops";
  limits.costs[0].max = 1;
  const BitSearchProblem problem(context, scores, "scores", limits, 0);
  for (const char* strategy : {"mutate_root", "evolution", "random", "linear_program"}) {
    const auto found = search_bits(problem, with(strategy), std::nullopt, std::mt19937_64(1));
    EXPECT_FALSE(found.genome.has_value());
    EXPECT_THAT(found.reason, HasSubstr("even the narrowest")) << strategy;
  }
  const BitSearchProblem full(context, scores, "scores", at_width(3), 1);
  BitSearchOptions few = with("random");
  few.samples = 1;
  EXPECT_THAT(search_bits(full, few, std::nullopt, std::mt19937_64(1)).reason,
              HasSubstr("raise samples"));
}

TEST(BitSearch, LinearProgram) {
  const Six context;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const LayerScores scores = scores_of(context.space(), seed, true);
    const BitSearchProblem problem(context, scores, "scores", at_width(3), 0);
    BitSearchOptions options = with("linear_program");
    options.suffix_means = false;
    const auto found = search_bits(problem, options, std::nullopt, std::mt19937_64(1));
    ASSERT_TRUE(found.genome.has_value()) << found.reason;
    EXPECT_LE(found.costs[0], problem.most()[0]);
    // One decision at most was rounded, by less than a bit: so much the optimum can be better.
    const Best best = brute_force(problem);
    EXPECT_GE(found.score, best.score - 1e-12);
    EXPECT_LE(found.score, best.score + 1);
    int between = 0;
    for (const int candidate : *found.genome) between += candidate == 1;
    EXPECT_LE(between, 1);
    options.suffix_means = true;
    const auto means = search_bits(problem, options, std::nullopt, std::mt19937_64(1));
    EXPECT_GE(means.score, best.score - 1e-12);
  }
}

TEST(BitSearch, LinearProgramsNeedLines) {
  const auto complaint = [](const SearchSetup& context, bool linear) -> std::string {
    const LayerScores scores = scores_of(context.space(), 3, linear);
    const BitSearchProblem problem(context, scores, "scores", at_width(3), 0);
    try {
      search_bits(problem, with("linear_program"), std::nullopt, std::mt19937_64(1));
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(complaint(Six(), false), HasSubstr("linear in the width"));
  EXPECT_THAT(complaint(Six({2, 3, 8}), true), HasSubstr("without gaps"));
  const Six context;
  LayerScores lacking = scores_of(context.space(), 1, true);
  lacking.layers[2].weight.erase("int3");
  try {
    BitSearchProblem(context, lacking, "my.json", at_width(3), 0);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("my.json has no score of layer 'layer2' for weights in int3"));
  }
}

}  // namespace
}  // namespace deneb::emq::bits
