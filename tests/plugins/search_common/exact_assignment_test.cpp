#include <gmock/gmock.h>

#include <deneb/io/files.h>
#include <deneb/random.h>

#include <random>

#include "exact_assignment.h"
#include "scratch_folder.h"
#include "support/fake_search_context.h"

namespace search_common_test {
namespace {

using namespace deneb;
using namespace deneb::searches;

using ::testing::HasSubstr;

constexpr int kLayers = 4;

// Larger for fewer bits, different for every layer.
LayerScores made_up(const SearchSpace& space, const std::vector<int>& bits) {
  std::mt19937_64 rng(5);
  LayerScores scores;
  for (const LayerInfo& layer : space.network().layers) {
    LayerScore made{layer.name, {}, {}};
    const double w = 0.5 + uniform_real(rng), a = 0.5 + uniform_real(rng);
    for (const int width : bits) {
      made.weight["int" + std::to_string(width)] = w * std::pow(2.0, -width);
      made.activation["uint" + std::to_string(width)] = a * std::pow(2.0, -width);
    }
    scores.layers.push_back(made);
  }
  return scores;
}

class AssignmentTest : public ::testing::Test {
 protected:
  explicit AssignmentTest(SearchSpaceOptions space = deneb::testing::open_space({4, 3, 2}))
      : context_(deneb::testing::chain_network(kLayers), space, 1),
        space_(context_.space()),
        scores_(made_up(space_, {4, 3, 2})) {
    options_.erase_outliers = true;
  }

  Assignment solve(const AssignmentQuery& task) {
    return AssignmentSolver(context_, scores_, options_, "a file")
        .solve(task, [](const KnapsackProblem& problem) {
          return solve_multiple_choice_knapsack(problem);
        });
  }
  static AssignmentQuery bitops(int wb, int ab) {
    AssignmentQuery task;
    task.limits.name = "set";
    task.limits.bitops.wb = wb;
    task.limits.bitops.ab = ab;
    task.alpha = 2;
    return task;
  }
  double cost_of(const BitPolicy& policy, double alpha) const {
    double cost = 0;
    for (const LayerScore& layer : scores_.layers) {
      const LayerChoice& choice = *policy.find(layer.name);
      cost += *find_score(layer.activation, choice.activation) +
              alpha * *find_score(layer.weight, choice.weight);
    }
    return cost;
  }
  std::int64_t bitops_of(const BitPolicy& policy) const {
    std::int64_t sum = 0;
    for (const LayerInfo& layer : space_.network().layers) {
      const LayerChoice& choice = *policy.find(layer.name);
      sum += layer.macs * choice.weight.bits * choice.activation.bits;
    }
    return sum;
  }
  // The best cost over all policies that `fits` accepts.
  template <class Fits>
  double best_cost(double alpha, const Fits& fits) const {
    double best = INFINITY;
    for_each_policy([&](const BitPolicy& policy) {
      if (fits(policy)) best = std::min(best, cost_of(policy, alpha));
    });
    return best;
  }
  template <class Fn>
  void for_each_policy(const Fn& fn) const {
    std::vector<int> genome(space_.genes().size(), 0);
    for (;;) {
      fn(space_.decode(genome));
      std::size_t g = 0;
      while (g < genome.size() &&
             ++genome[g] == static_cast<int>(space_.genes()[g].candidates.size())) {
        genome[g++] = 0;
      }
      if (g == genome.size()) return;
    }
  }

  deneb::testing::FakeSearchContext context_;
  const SearchSpace& space_;
  LayerScores scores_;
  AssignmentOptions options_;
  ScratchFolder folder_;
};

TEST_F(AssignmentTest, FindsTheBestPolicyWithinTheBitOps) {
  for (const double alpha : {0.5, 2.0}) {
    AssignmentQuery task = bitops(3, 3);
    task.alpha = alpha;
    const Assignment found = solve(task);
    ASSERT_TRUE(found.optimal) << found.reason;
    const std::int64_t budget = 9 * (1000 + 2000 + 3000 + 1000);
    EXPECT_LE(bitops_of(found.policy), budget);
    EXPECT_NEAR(found.solution.cost, cost_of(found.policy, alpha), 1e-12);
    EXPECT_NEAR(
        found.solution.cost,
        best_cost(alpha, [&](const BitPolicy& policy) { return bitops_of(policy) <= budget; }),
        1e-12);
    EXPECT_EQ(found.totals.bitops, bitops_of(found.policy));
    EXPECT_EQ(found.totals.searched_bitops, found.totals.bitops);
    EXPECT_EQ(found.weight_bits.size(), std::size_t(kLayers));
  }
}

TEST_F(AssignmentTest, EveryLimitIsKept) {
  AssignmentQuery task;
  task.limits.compression_ratio = 11;  // 1000 weights: 2909 bits
  Assignment found = solve(task);
  EXPECT_GE(found.totals.compression_ratio, 11);
  EXPECT_THAT(found.activation_bits, ::testing::Each(4));  // cost no weight bits
  task = {};
  task.limits.size_mib = 2500.0 / 8 / 1024 / 1024;
  EXPECT_LE(solve(task).totals.weight_bits, 2500);
  task = {};
  task.limits.avg_bits.w = 2.5;
  task.limits.avg_bits.a = 3.25;
  found = solve(task);
  const auto sum = [](const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0); };
  EXPECT_EQ(sum(found.weight_bits), 10);
  EXPECT_EQ(sum(found.activation_bits), 13);
  task = {};
  task.limits.bitops.giga = 50e3 / 1e9;
  EXPECT_LE(solve(task).totals.bitops, 50000);
}

// flops: MACs (w + a) / 32, no whole numbers.
TEST_F(AssignmentTest, AnyAdditiveCostCanBeALimit) {
  AssignmentQuery task;
  task.alpha = 2;
  CostLimit limit;
  limit.cost = "flops";
  const double narrowest = context_.flops(space_.decode(space_.narrowest()));
  const double widest = context_.flops(space_.decode(space_.widest()));
  for (const double share : {0.05, 0.3, 0.31, 0.7, 1.0}) {
    limit.max = narrowest + share * (widest - narrowest);
    task.limits.costs = {limit};
    const Assignment found = solve(task);
    ASSERT_TRUE(found.optimal) << found.reason;
    EXPECT_LE(context_.flops(found.policy), limit.max);
    EXPECT_NEAR(found.solution.cost,
                best_cost(2, [&](const BitPolicy& p) { return context_.flops(p) <= limit.max; }),
                1e-12);
  }
  limit.max = 0;
  limit.weight_bits = limit.activation_bits = 3;
  task.limits.costs = {limit};
  EXPECT_LE(context_.flops(solve(task).policy),
            context_.flops(uniform_policy(space_.network(), 3, 3)));
  limit = {"flops", narrowest * 0.9, 0, 0};
  task.limits.costs = {limit};
  EXPECT_THAT(solve(task).reason, HasSubstr("flops of the searched layers"));
  limit.cost = "nosuch";
  task.limits.costs = {limit};
  EXPECT_THROW(solve(task), ConfigError);
  limit.cost = "root";
  task.limits.costs = {limit};
  try {
    solve(task);
    ADD_FAILURE() << "a cost that does not add up";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("root is not the sum"));
  }
}

// Integers and small floats in one list; the bits count for the limits, the words for the scores.
TEST(SmallFloats, AreChosenByTheirScores) {
  SearchSpaceOptions space = deneb::testing::open_space({});
  space.weight_candidates = {"int4", "e2m1", "int8"};
  space.activation_candidates = {"int4", "e4m3"};
  const deneb::testing::FakeSearchContext context(deneb::testing::chain_network(2), space, 1);
  LayerScores scores;
  for (const char* layer : {"layer0", "layer1"}) {
    scores.layers.push_back(
        {layer, {{"int4", 3}, {"e2m1", 2}, {"int8", 1}}, {{"uint4", 5}, {"e4m3", 0.5}}});
  }
  AssignmentOptions options;
  const AssignmentSolver solver(context, scores, options, "a file");
  AssignmentQuery task;
  task.limits.avg_bits.w = 4;
  task.limits.avg_bits.a = 8;
  const auto exact = [](const KnapsackProblem& problem) {
    return solve_multiple_choice_knapsack(problem);
  };
  const Assignment found = solver.solve(task, exact);
  ASSERT_TRUE(found.optimal);
  for (const auto& entry : found.policy.layers()) {
    EXPECT_EQ(entry.second.weight.text(), "e2m1");
    EXPECT_EQ(entry.second.activation.text(), "e4m3");
  }
  options.pairs = {"e2m1/int4", "w4a4"};
  const Assignment paired = AssignmentSolver(context, scores, options, "a file").solve(task, exact);
  for (const auto& entry : paired.policy.layers()) {
    EXPECT_EQ(entry.second.weight.text(), "e2m1");
    EXPECT_TRUE(entry.second.activation.is_integer());
  }
  EXPECT_TRUE(is_pair_word("w4a8"));
  EXPECT_TRUE(is_pair_word("e2m1/e4m3"));
  for (const char* word : {"", "w4", "w4a", "a4w4", "w4a99", "e2m1", "e2m1/", "w4a4 "}) {
    EXPECT_FALSE(is_pair_word(word)) << word;
  }
}

TEST_F(AssignmentTest, OnlyGivenWidthsAndPairs) {
  AssignmentQuery task = bitops(3, 3);
  task.bits = {4, 2};
  for (const int width : solve(task).weight_bits) EXPECT_NE(width, 3);
  options_.pairs = {"w4a4", "w2a2"};
  const Assignment paired = solve(bitops(3, 3));
  EXPECT_EQ(paired.weight_bits, paired.activation_bits);
  options_.pairs.clear();
  task = bitops(2, 4);
  task.fixed_act_bits = 4;
  const Assignment weights_only = solve(task);
  EXPECT_THAT(weights_only.activation_bits, ::testing::Each(4));
  EXPECT_THAT(weights_only.weight_bits, ::testing::Each(2));
  double cost = 0;  // activations do not count
  for (const auto& layer : scores_.layers) cost += 2 * layer.weight.at("int2");
  EXPECT_NEAR(weights_only.solution.cost, cost, 1e-12);
}

// Nothing is chosen, so that it need be no candidate and has no scores.
TEST_F(AssignmentTest, FixedActivationsMayHaveAnyWidth) {
  AssignmentQuery task = bitops(2, 8);
  options_.fixed_act_bits = task.fixed_act_bits = 8;
  const Assignment found = solve(task);
  EXPECT_THAT(found.activation_bits, ::testing::Each(8));
  EXPECT_THAT(found.weight_bits, ::testing::Each(2));
  task.bits = {8};
  EXPECT_THROW(solve(task), ConfigError);  // weights cannot have it
  // Where it is not fixed, it is no candidate.
  EXPECT_THAT(solve(bitops(4, 4)).activation_bits, ::testing::Each(::testing::Le(4)));
}

TEST_F(AssignmentTest, LatencyTablesLimitAndForbid) {
  const std::string path = folder_ / "latency.json";
  std::string text = "{";
  for (int i = 0; i < kLayers; ++i) {
    text += std::string(i ? "," : "") + "\"layer" + std::to_string(i) +
            "\": {\"w4a4\": 2.0, \"w2a4\": 1.5, \"w2a2\": 1.0}";
  }
  write_file_atomically(path, text + "}");
  AssignmentQuery task;
  task.limits.latency = {path, 6.5};
  const Assignment found = solve(task);
  ASSERT_TRUE(found.optimal);
  double ms = 0;
  for (std::size_t i = 0; i < found.weight_bits.size(); ++i) {
    const int w = found.weight_bits[i], a = found.activation_bits[i];
    ASSERT_TRUE((w == 4 && a == 4) || (w == 2 && (a == 4 || a == 2)));
    ms += w == 4 ? 2 : a == 4 ? 1.5 : 1;
  }
  EXPECT_LE(ms, 6.5);
  task.limits.latency.budget_ms = 3.9;
  EXPECT_THAT(solve(task).reason, HasSubstr("latency in ns"));
  write_file_atomically(path, "{\"layer0\": {\"w4a4\": 1}}");
  EXPECT_THROW(solve(task), DataError);
  write_file_atomically(path, "{\"layer0\": {\"w4a4\": -1}}");
  EXPECT_THROW(solve(task), DataError);
}

TEST_F(AssignmentTest, ReversedFindsTheWorstPolicyOfTheSameCost) {
  AssignmentQuery task = bitops(3, 3);
  task.limits.reversed = true;
  options_.erase_outliers = false;
  const Assignment found = solve(task);
  ASSERT_TRUE(found.optimal) << found.reason;
  const std::int64_t budget = 9 * (1000 + 2000 + 3000 + 1000);
  const auto fits = [&](const BitPolicy& policy) {
    return bitops_of(policy) <= budget && double(bitops_of(policy)) >= 0.95 * double(budget);
  };
  EXPECT_TRUE(fits(found.policy));
  EXPECT_NEAR(found.solution.cost, cost_of(found.policy, 2), 1e-12);
  double worst = 0;
  for_each_policy([&](const BitPolicy& policy) {
    if (fits(policy)) worst = std::max(worst, cost_of(policy, 2));
  });
  EXPECT_NEAR(found.solution.cost, worst, 1e-12);
  EXPECT_GE(found.solution.bound, worst - 1e-12);
  ASSERT_TRUE(found.solution.second_best.has_value());
  EXPECT_LE(*found.solution.second_best, worst + 1e-12);
  EXPECT_GT(found.solution.cost, solve(bitops(3, 3)).solution.cost);
  task.limits.bitops = {};
  task.limits.bitops.giga = 1e-9;  // nobody can keep it
  EXPECT_THAT(solve(task).reason, HasSubstr("BitOps of the searched layers"));
}

// Scores that are least at a narrow width leave most of a limit unused unless told otherwise.
TEST_F(AssignmentTest, FillUsesTheFirstLimit) {
  for (LayerScore& layer : scores_.layers) {
    for (FormatScores* side : {&layer.weight, &layer.activation}) {
      for (auto& [format, score] : *side) {
        const double distance = format.back() - '2' - 0.3;
        score = distance * distance;
      }
    }
  }
  options_.erase_outliers = false;
  AssignmentQuery task = bitops(3, 3);
  const std::int64_t budget = 9 * (1000 + 2000 + 3000 + 1000);
  EXPECT_THAT(solve(task).weight_bits, ::testing::Each(2));
  task.fill = 0.99;
  const auto fits = [&](const BitPolicy& policy) {
    return bitops_of(policy) <= budget && double(bitops_of(policy)) >= 0.99 * double(budget);
  };
  const Assignment found = solve(task);
  ASSERT_TRUE(found.optimal) << found.reason;
  EXPECT_TRUE(fits(found.policy));
  EXPECT_NEAR(found.solution.cost, best_cost(2, fits), 1e-12);
  // Of several limits the first one, whatever the others do.
  task.limits.size_mib = 2500.0 / 8 / 1024 / 1024;
  const Assignment small = solve(task);
  ASSERT_TRUE(small.optimal) << small.reason;
  EXPECT_LE(small.totals.weight_bits, 2500);
  EXPECT_TRUE(fits(small.policy));
  // A share that no policy hits is refused as any limit is.
  task.limits.size_mib = 0;
  task.limits.bitops = {};
  task.limits.bitops.giga = 34.3e-6;  // all policies use whole thousands
  task.fill = 1;
  EXPECT_THAT(solve(task).reason, HasSubstr("BitOps of the searched layers"));
}

TEST_F(AssignmentTest, SweepGoesFromTheNarrowestToTheWidestPolicy) {
  const AssignmentSolver solver(context_, scores_, options_, "a file");
  SweepOptions grid;
  grid.bitops = 5;
  grid.size = 3;
  const std::vector<ConstraintSet> sets = solver.sweep(grid, AssignmentQuery());
  ASSERT_EQ(sets.size(), 15u);
  EXPECT_EQ(sets.front().name, "sweep_b01_s01");
  EXPECT_EQ(sets.back().name, "sweep_b05_s03");
  std::vector<Assignment> found;
  for (const ConstraintSet& set : sets) {
    AssignmentQuery task;
    task.limits = set;
    found.push_back(solve(task));
    ASSERT_TRUE(found.back().optimal) << set.name << ": " << found.back().reason;
    EXPECT_LE(double(found.back().totals.bitops), set.bitops.giga * 1e9 + 1e-3);
  }
  EXPECT_THAT(found.front().weight_bits, ::testing::Each(2));
  EXPECT_THAT(found.front().activation_bits, ::testing::Each(2));
  EXPECT_THAT(found.back().weight_bits, ::testing::Each(4));
  EXPECT_THAT(found.back().activation_bits, ::testing::Each(4));
  // More room never makes it worse.
  for (std::size_t i = 3; i < found.size(); ++i) {
    EXPECT_LE(found[i].solution.cost, found[i - 3].solution.cost + 1e-12);
  }
  // Even ratios.
  EXPECT_NEAR(sets[3].bitops.giga / sets[0].bitops.giga, sets[6].bitops.giga / sets[3].bitops.giga,
              1e-9);
  grid = {};
  grid.size = 2;
  ASSERT_EQ(solver.sweep(grid, AssignmentQuery()).size(), 2u);
  EXPECT_EQ(solver.sweep(grid, AssignmentQuery()).back().name, "sweep_s02");
  EXPECT_FALSE(solver.sweep(grid, AssignmentQuery()).back().bitops.is_set());
}

TEST_F(AssignmentTest, OutliersAreNotChosen) {
  scores_.layers[1].weight["int3"] = 1e-6;  // looks free
  const Assignment erased = solve(bitops(3, 3));
  EXPECT_NE(erased.weight_bits[1], 3);
  options_.erase_outliers = false;
  EXPECT_EQ(solve(bitops(3, 3)).weight_bits[1], 3);
}

TEST_F(AssignmentTest, ErrorsSayWhatIsMissing) {
  const auto error_of = [&](const AssignmentQuery& task) -> std::string {
    try {
      solve(task);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  };
  AssignmentQuery task = bitops(3, 3);
  task.bits = {8};
  EXPECT_THAT(error_of(task), HasSubstr("width 8 is not in search_space.bit_candidates"));
  scores_.layers[2].weight.erase("int4");
  EXPECT_THAT(error_of(bitops(3, 3)),
              HasSubstr("a file has no score of layer 'layer2' for weights in int4"));
  scores_.layers[2].weight["int4"] = 1;
  task = bitops(3, 3);
  task.fixed_act_bits = 8;
  EXPECT_THAT(error_of(task), HasSubstr("width 8 is not in search_space.bit_candidates"));
  options_.pairs = {"w4a8"};
  EXPECT_THAT(error_of(bitops(3, 3)), HasSubstr("leaves layer 'layer0' no pair of widths"));
  options_.pairs.clear();
  scores_.layers.pop_back();
  EXPECT_THAT(error_of(bitops(3, 3)), HasSubstr("has no layer 'layer3', which is searched"));
  scores_.layers[0].name = "other";
  EXPECT_THAT(error_of(bitops(3, 3)), HasSubstr("has a layer 'other' that Chain lacks"));
}

SearchSpaceOptions tied(bool activations) {
  SearchSpaceOptions options = deneb::testing::open_space({4, 3, 2});
  (activations ? options.tie_activations : options.tie_weight_activation) = true;
  return options;
}

class TiedWidths : public AssignmentTest {
 protected:
  TiedWidths() : AssignmentTest(tied(false)) {}
};

TEST_F(TiedWidths, WeightAndActivationAgree) {
  const Assignment found = solve(bitops(3, 3));
  EXPECT_EQ(found.weight_bits, found.activation_bits);
  EXPECT_NEAR(found.solution.cost,
              best_cost(2, [&](const BitPolicy& policy) { return bitops_of(policy) <= 63000; }),
              1e-12);
}

// Weight and activation judge all widths, each for itself: width 3 is out, 2 is not.
TEST_F(TiedWidths, OutliersOfOneTensorDoNotHideThoseOfAnother) {
  scores_.layers[0].weight = {{"int4", .1}, {"int3", .05}, {"int2", .2}};
  scores_.layers[0].activation = {{"int4", 1}, {"int3", .5}, {"int2", .8}};
  AssignmentQuery task = bitops(2, 2);
  EXPECT_TRUE(solve(task).optimal);
  EXPECT_EQ(solve(task).weight_bits[0], 2);
}

// Layers 1 and 3 read one tensor.
TEST(TiedActivations, AreSettledTogether) {
  NetworkInfo network = deneb::testing::chain_network(kLayers);
  network.layers[3].input_group = network.layers[1].input_group;
  const deneb::testing::FakeSearchContext context(network, tied(true), 1);
  const SearchSpace& space = context.space();
  const LayerScores scores = made_up(space, {4, 3, 2});
  const AssignmentOptions options;
  AssignmentQuery task;
  task.limits.bitops.wb = task.limits.bitops.ab = 3;
  const AssignmentSolver solver(context, scores, options, "a file");
  const Assignment found = solver.solve(task, [](const KnapsackProblem& problem) {
    EXPECT_EQ(problem.groups.size(), 3u);
    return solve_multiple_choice_knapsack(problem);
  });
  ASSERT_TRUE(found.optimal);
  EXPECT_EQ(found.activation_bits[1], found.activation_bits[3]);
  EXPECT_EQ(space.encode(found.policy).size(), space.genes().size());
}

// A fixed weight, a fixed activation (of a width without indicators), and two layers in a group.
SearchSpaceOptions partly_fixed() {
  SearchSpaceOptions options = deneb::testing::open_space({4, 3, 2});
  options.overrides = {{"layer1", "int4", "search"}, {"layer3", {"int4", "int2"}, "uint8"}};
  options.groups = {{{"layer0", "layer2"}}};
  return options;
}

class PartlyFixed : public AssignmentTest {
 protected:
  PartlyFixed() : AssignmentTest(partly_fixed()) {}

  // Of what is searched; what is fixed costs nothing.
  double searched_cost(const BitPolicy& policy) const {
    double cost = 0;
    for (const LayerGenes& genes : space_.layer_genes()) {
      const LayerScore& layer = scores_.layers[genes.layer];
      const LayerChoice& choice = *policy.find(layer.name);
      if (genes.weight) cost += 2 * *find_score(layer.weight, choice.weight);
      if (genes.activation) cost += *find_score(layer.activation, choice.activation);
    }
    return cost;
  }
  template <class Fits>
  double best(const Fits& fits) const {
    double best = INFINITY;
    for_each_policy([&](const BitPolicy& policy) {
      if (fits(policy)) best = std::min(best, searched_cost(policy));
    });
    return best;
  }
};

TEST_F(PartlyFixed, TheRestIsSolvedExactly) {
  AssignmentQuery task;
  task.alpha = 2;
  for (const double giga : {60e3, 70e3, 85e3}) {
    task.limits.bitops.giga = giga / 1e9;
    const Assignment found = solve(task);
    ASSERT_TRUE(found.optimal) << found.reason;
    EXPECT_LE(double(bitops_of(found.policy)), giga);
    EXPECT_NEAR(found.solution.cost,
                best([&](const BitPolicy& policy) { return double(bitops_of(policy)) <= giga; }),
                1e-12);
    EXPECT_EQ(found.weight_bits[0], found.weight_bits[2]);
    EXPECT_EQ(found.weight_bits[1], 4);
    EXPECT_EQ(found.activation_bits[3], 8);
    EXPECT_EQ(found.totals.bitops, bitops_of(found.policy));
  }
}

TEST_F(PartlyFixed, LimitsByWidthsCountWhatIsFixedAsItIs) {
  const Assignment found = solve(bitops(3, 3));
  ASSERT_TRUE(found.optimal);
  // Layer 1 with 4-bit weights, layer 3 with 8-bit inputs.
  const std::int64_t budget = 9 * 1000 + 2000 * 4 * 3 + 9 * 3000 + 1000 * 3 * 8;
  EXPECT_LE(bitops_of(found.policy), budget);
  EXPECT_NEAR(found.solution.cost,
              best([&](const BitPolicy& policy) { return bitops_of(policy) <= budget; }), 1e-12);
  AssignmentQuery task;
  task.alpha = 2;
  task.limits.avg_bits.w = 3;  // of the three weights that are searched
  EXPECT_NEAR(
      solve(task).solution.cost, best([](const BitPolicy& policy) {
        return 2 * policy.find("layer0")->weight.bits + policy.find("layer3")->weight.bits <= 9;
      }),
      1e-12);
}

TEST_F(PartlyFixed, WidthsOfTheTaskApplyWhereALayerHasThem) {
  AssignmentQuery task = bitops(4, 4);
  task.bits = {3, 2};
  const Assignment found = solve(task);
  ASSERT_TRUE(found.optimal);
  EXPECT_THAT(found.weight_bits, ::testing::ElementsAre(3, 4, 3, 2));
  EXPECT_THAT(found.activation_bits, ::testing::ElementsAre(3, 3, 3, 8));
  options_.pairs = {"w3a3", "w2a2"};  // says nothing of layers with one choice
  EXPECT_THAT(solve(task).weight_bits, ::testing::ElementsAre(3, 4, 3, 2));
}

}  // namespace
}  // namespace search_common_test
