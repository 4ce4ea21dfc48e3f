#include "evolution.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <deneb/errors.h>
#include <deneb/random.h>

#include "rank_statistics.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;

GenePool small_pool(Structure structure) {
  return make_gene_pool(structure, Semantics::kClean, {"act", "grad", "weight"},
                        {"abs", "exp", "log", "pow", "relu", "no_op"}, {"sum", "product"}, true);
}

// A fitness that rises with every gene that is the wanted one; chains that begin with exp are
// rejected, and many have the same.
Judgment judgment_of(const Genotype& genotype) {
  const Genotype g = canonical(genotype);
  Judgment judgment;
  if (!g.unary[0].empty() && g.unary[0][0] == "exp") {
    judgment.rejected = "not_finite";
    return judgment;
  }
  for (const auto& input : g.inputs) judgment.fitness += input == "grad";
  for (const auto& chain : g.unary) {
    for (const auto& name : chain) judgment.fitness += name == "pow" ? 1 : name == "abs" ? 0.3 : 0;
  }
  judgment.fitness += g.binary == "product" ? 0.5 : 0;
  judgment.order = derive_seed(1, std::to_string(judgment.fitness));
  return judgment;
}

EvolutionOptions short_run() {
  EvolutionOptions options;
  options.iterations = 200;
  options.population = 12;
  return options;
}

std::string finished(Evolution evolution) {
  while (!evolution.done()) evolution.advance();
  return evolution.state().dump();
}

TEST(Evolution, TheBestNeverGetsWorse) {
  for (const Structure structure : {Structure::kLinear, Structure::kTree, Structure::kGraph}) {
    Evolution evolution(short_run(), small_pool(structure), 3, judgment_of);
    while (!evolution.done()) evolution.advance();
    const auto& best = evolution.best();
    ASSERT_EQ(best.size(), 201u);
    EXPECT_TRUE(std::is_sorted(best.begin(), best.end()));
    // All that a chain can have, or more than by chance.
    EXPECT_TRUE(best.back() == 5 || best.back() > best.front()) << text_of(structure);
    ASSERT_EQ(evolution.population().size(), 12u);
    std::set<std::uint64_t> orders;
    for (std::size_t i = 0; i < 12; ++i) {
      const Member& member = evolution.population()[i];
      EXPECT_EQ(member.fitness, judgment_of(member.genotype).fitness);
      if (i > 0) {
        EXPECT_LE(member.fitness, evolution.population()[i - 1].fitness);
      }
      orders.insert(member.order);
    }
    EXPECT_EQ(orders.size(), 12u);  // distinct
  }
}

TEST(Evolution, CountsAddUp) {
  std::int64_t asked = 0, rejected = 0;
  Evolution evolution(short_run(), small_pool(Structure::kTree), 5, [&](const Genotype& g) {
    const Judgment judgment = judgment_of(g);
    ++asked;
    rejected += !judgment.rejected.empty();
    return judgment;
  });
  while (!evolution.done()) evolution.advance();
  auto counts = evolution.counts();
  EXPECT_EQ(counts["judged"], asked);
  EXPECT_EQ(counts["rejected_not_finite"], rejected);
  EXPECT_EQ(counts["bred"], 200);
  EXPECT_EQ(counts["judged"] + counts["repeated"], counts["bred"] + counts["drawn"]);
  EXPECT_GT(counts["repeated"], 0);
  EXPECT_GT(counts["same_order"], 0);
  EXPECT_GT(counts["newcomer_joined"], 0);
  EXPECT_GT(counts["offspring_joined"], 0);
}

TEST(Evolution, SeedsDecide) {
  const auto run = [](std::uint64_t seed) {
    return finished(Evolution(short_run(), small_pool(Structure::kTree), seed, judgment_of));
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Evolution, GoesOnFromAnyState) {
  const GenePool pool = small_pool(Structure::kTree);
  const std::string whole = finished(Evolution(short_run(), pool, 7, judgment_of));
  Evolution broken(short_run(), pool, 7, judgment_of);
  int steps = 0;
  while (!broken.done()) {
    broken.advance();
    if (++steps % 9 != 0) continue;
    // As text, as it is kept in a file.
    const auto state = nlohmann::ordered_json::parse(broken.state().dump());
    broken = Evolution(short_run(), pool, 7, judgment_of);
    broken.restore(state);
  }
  EXPECT_GT(steps, 200);
  EXPECT_EQ(broken.state().dump(), whole);
  EXPECT_THROW(broken.restore(nlohmann::ordered_json::parse(R"({"draws": 3})")), DataError);
}

// Diversity-prompting selection: of the offspring and the newcomer the fitter one joins.
TEST(Evolution, TheFitterOfOffspringAndNewcomerJoins) {
  EvolutionOptions options = short_run();
  options.crossover = 1;
  options.mutation = 0;
  options.distinct = false;
  options.iterations = 60;
  // Who is asked for first in a generation is the offspring.
  std::vector<double> asked;
  GenePool pool = small_pool(Structure::kTree);
  std::uint64_t next = 0;
  for (const bool offspring_wins : {true, false}) {
    asked.clear();
    bool breeding = false;
    Evolution evolution(options, pool, 11, [&](const Genotype& g) {
      Judgment judgment;
      judgment.order = ++next;
      // In the first population all are alike.
      judgment.fitness = 0;
      if (breeding) {
        const bool offspring = asked.empty();
        judgment.fitness = offspring == offspring_wins ? 2 : 1;
        asked.push_back(judgment.fitness);
      }
      (void)g;
      return judgment;
    });
    while (evolution.best().empty()) evolution.advance();
    breeding = true;
    int decided = 0;
    while (!evolution.done()) {
      asked.clear();
      const auto before = evolution.counts();
      evolution.advance();
      if (asked.size() < 2) continue;  // one of them was known already
      ++decided;
      const auto joined = [&](const char* who) {
        const auto was = before.find(who), is = evolution.counts().find(who);
        return (is == evolution.counts().end() ? 0 : is->second) -
               (was == before.end() ? 0 : was->second);
      };
      EXPECT_EQ(joined("offspring_joined"), offspring_wins ? 1 : 0);
      EXPECT_EQ(joined("newcomer_joined"), offspring_wins ? 0 : 1);
    }
    EXPECT_GT(decided, 5);
    EXPECT_EQ(evolution.best().back(), 2);
  }
}

TEST(Evolution, WithoutDiversityNothingNewIsDrawn) {
  EvolutionOptions options = short_run();
  options.diversity_prompting = false;
  Evolution evolution(options, small_pool(Structure::kTree), 3, judgment_of);
  while (evolution.best().empty()) evolution.advance();
  const auto drawn = evolution.counts().at("drawn");
  while (!evolution.done()) evolution.advance();
  EXPECT_EQ(evolution.counts().at("drawn"), drawn);
  EXPECT_EQ(evolution.counts().count("newcomer_joined"), 0u);
}

TEST(Evolution, GivesUpWhereNothingIsValid) {
  Evolution evolution(short_run(), small_pool(Structure::kTree), 3, [](const Genotype&) {
    Judgment judgment;
    judgment.rejected = "zero";
    return judgment;
  });
  try {
    while (!evolution.done()) evolution.advance();
    FAIL();
  } catch (const RunError& e) {
    EXPECT_THAT(e.what(), HasSubstr("random proxies gave only 0 that are valid"));
  }
}

}  // namespace
}  // namespace deneb::emq
