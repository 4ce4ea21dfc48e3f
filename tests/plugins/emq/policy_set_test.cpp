#include "policy_set.h"

#include <gmock/gmock.h>

#include <cmath>

#include <deneb/errors.h>

#include "emq_report.h"
#include "made_up_benchmark.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;

TEST(PolicySet, IsASplit) {
  const Benchmark benchmark = made_up_benchmark({"a", "b", "c"}, 60);
  const PolicySet evolve = policies_of(benchmark, "evolve");
  ASSERT_EQ(evolve.choices.size(), 20u);
  EXPECT_EQ(policies_of(benchmark, "test").choices.size(), 25u);
  const BenchmarkEntry& third = benchmark.at(benchmark.ids("evolve")[2]);
  for (std::size_t l = 0; l < 3; ++l) EXPECT_EQ(evolve.choices[2][l], third.bits[l] - 2);
  EXPECT_EQ(evolve.accuracy[2], third.accuracy);
  const PolicySet some = policies_of(benchmark, "evolve", 8, 1);
  EXPECT_EQ(some.choices.size(), 8u);
  EXPECT_EQ(some.accuracy, policies_of(benchmark, "evolve", 8, 1).accuracy);
  EXPECT_NE(some.accuracy, policies_of(benchmark, "evolve", 8, 2).accuracy);
  EXPECT_EQ(policies_of(benchmark, "evolve", 20, 2).accuracy, evolve.accuracy);
}

TEST(PolicySet, SizesOfBenchmarksThatHaveNone) {
  Benchmark benchmark = made_up_benchmark({"a", "b"}, 60);
  const auto sizes = policies_of(benchmark, "test").size;
  for (BenchmarkEntry& entry : benchmark.entries) entry.size_bytes = NAN;
  EXPECT_EQ(policies_of(benchmark, "test").size, sizes);
  benchmark.layers[1].params = 0;
  EXPECT_TRUE(std::isnan(policies_of(benchmark, "test").size[0]));
  EXPECT_TRUE(size_limits_of(policies_of(benchmark, "test"), 5).empty());
}

TEST(PolicySet, TablesAndLayerScoresTellTheSame) {
  const Benchmark benchmark = made_up_benchmark({"a", "b"}, 60);
  const PolicySet test = policies_of(benchmark, "test");
  const ScoreTable table{{{1, 2, 4}, {3, 5, 8}}};
  LayerScores scores;
  scores.layers = {{"a", {{"int2", -0.5}, {"int3", -1}, {"int4", -2}}, {}},
                   {"b", {{"int2", -1.5}, {"int3", -2.5}, {"int4", -4}}, {}}};
  const Values by_table = scores_of(table, test);
  const Values by_scores = scores_of(scores, benchmark, test, "compare");
  for (std::size_t i = 0; i < by_table.size(); ++i) {
    const auto& choice = test.choices[i];
    const double sum =
        table.shares[0][std::size_t(choice[0])] + table.shares[1][std::size_t(choice[1])];
    EXPECT_EQ(by_table[i], sum / 2);
    EXPECT_EQ(by_scores[i], by_table[i] / 2);
  }
  scores.layers.pop_back();
  try {
    scores_of(scores, benchmark, test, "search_algorithm.compare probe");
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("search_algorithm.compare probe: has no score of the weights "
                                    "of 'b' in int2"));
  }
}

TEST(PolicySet, RejectsWhatCannotOrder) {
  PolicySet policies;
  policies.accuracy = {70, 60, 65, 80, 75};
  const auto rejected = [&](const Values& score, Semantics semantics = Semantics::kClean) {
    return judge(score, policies, semantics, "spearman_topk", TopBy::kPredicted).rejected;
  };
  EXPECT_EQ(rejected({1, 2, 3, 4, 0}), "zero");
  EXPECT_EQ(rejected({3, 3, 3, 3, 3}), "constant");
  EXPECT_EQ(rejected({1, 2, 3, -1, 5}, Semantics::kCompat), "failed");
  // A fifth of five is one policy, whose rho is not defined.
  EXPECT_EQ(rejected({1, 2, 3, -1, 5}), "undefined");
  const auto plain = judge({3, 1, 2, 5, 4}, policies, Semantics::kClean, "spearman", {});
  EXPECT_EQ(plain.rejected, "");
  EXPECT_NEAR(plain.fitness, 1, 1e-12);
  EXPECT_EQ(plain.order,
            judge({9, 1, 2, 50, 40}, policies, Semantics::kClean, "kendall", {}).order);
  EXPECT_NEAR(judge({9, 1, 2, 50, 40}, policies, Semantics::kClean, "kendall", {}).fitness, 1,
              1e-12);
  EXPECT_LT(judge({9, 1, 2, 50, 40}, policies, Semantics::kClean, "pearson", {}).fitness, 0.99);
}

TEST(PolicySet, RegretIsWhatTheChoiceCosts) {
  PolicySet policies;
  policies.split = "test";
  policies.accuracy = {60, 70, 65, 80, 75};
  policies.size = {1, 2, 3, 4, 5};
  const Values score = {1, 2, 3, 4, 5};
  const auto row = correlate("p", policies, score, {0, 1, 3, 4, 9}, TopBy::kPredicted, 0, 1);
  ASSERT_EQ(row.regret.size(), 5u);
  EXPECT_FALSE(std::isfinite(row.regret[0]));  // nothing is as small
  EXPECT_EQ(row.regret[1], 0);
  EXPECT_EQ(row.regret[2], 5);  // 65 is chosen, 70 would be there
  EXPECT_EQ(row.regret[3], 0);
  EXPECT_EQ(row.regret[4], 5);
  EXPECT_FALSE(row.top[2].interval);
  EXPECT_NEAR(*row.top[2].value, 0.8, 1e-12);
  EXPECT_EQ(size_limits_of(policies, 3), Values({2, 3, 4}));
  const std::string csv = correlations_csv({row}, {0, 1, 3, 4, 9});
  EXPECT_THAT(csv, HasSubstr("proxy,split,rho20,rho20_low,rho20_high,rho50,"));
  EXPECT_THAT(csv, HasSubstr("regret_9\np,test,,,,-1.0,,,0.8,,,0.5999999999999999,"
                             "0.7999999999999999,,0.0,5.0,0.0,5.0\n"));
  EXPECT_EQ(text_of(row.top[0]), "none");
}

}  // namespace
}  // namespace deneb::emq
