#include "nsga3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <pagmo/problem.hpp>
#include <pagmo/problems/dtlz.hpp>
#include <pagmo/utils/hypervolume.hpp>
#include <pagmo/utils/multi_objective.hpp>
#include <set>
#include <sstream>

#include "messages.h"
#include "pagmo_nsga3.h"

namespace deneb::quant_ea {
namespace {

// --- Core: ask, tell, save, resume
// ----------------------------------------------------------------

// Accuracy and cost of up to ten layers without training: loss = sum s (2^-w + 2^-a) and cost = sum
// macs (w + a) over the widths w (first half of the genome) and a (second half) in {2, 4, 8}.
struct Surrogate {
  static constexpr int kWidths[] = {2, 4, 8};
  static constexpr double kSensitivity[] = {.31, .12, .27, .05, .18, .09, .22, .04, .15, .26};
  static constexpr int kMacs[] = {18, 18, 9, 18, 1, 18, 9, 18, 1, 4};
  std::size_t layers = 10;

  std::size_t genes() const { return 2 * layers; }
  Nsga3Domain domain(std::size_t population = 16) const {
    return {Point(genes(), 0), Point(genes(), 2), genes(), 2, population};
  }

  Point evaluate(const Point& genome) const {
    Point fitness(2, 0.0);
    for (std::size_t gene = 0; gene < genes(); ++gene) {
      const int width = kWidths[static_cast<std::size_t>(genome[gene])];
      fitness[0] += kSensitivity[gene % layers] * std::ldexp(1.0, -width);
      fitness[1] += kMacs[gene % layers] * width;
    }
    return fitness;
  }

  Points evaluate(const Points& genomes) const {
    Points fitness;
    for (const Point& genome : genomes) fitness.push_back(evaluate(genome));
    return fitness;
  }

  // Smallest loss of every reachable cost, gene by gene.
  Points true_front() const {
    std::map<int, double> best{{0, 0.0}};
    for (std::size_t gene = 0; gene < genes(); ++gene) {
      std::map<int, double> next;
      for (const auto& [cost, loss] : best) {
        for (int width : kWidths) {
          const double new_loss = loss + kSensitivity[gene % layers] * std::ldexp(1.0, -width);
          const auto [entry, is_new] = next.emplace(cost + kMacs[gene % layers] * width, new_loss);
          if (!is_new) entry->second = std::min(entry->second, new_loss);
        }
      }
      best = std::move(next);
    }
    Points front;
    for (const auto& [cost, loss] : best) front.push_back({loss, static_cast<double>(cost)});
    return front;
  }

  // Share of the hypervolume below a point just beyond the worst of both objectives.
  double share_of_front(const Points& found) const {
    const Point reference{evaluate(Point(genes(), 0))[0] * 1.01,
                          evaluate(Point(genes(), 2))[1] * 1.01};
    return pagmo::hypervolume(found).compute(reference) /
           pagmo::hypervolume(true_front()).compute(reference);
  }
};

Nsga3Options categorical(Variation variation, const Surrogate& surrogate = {}) {
  Nsga3Options options;
  options.variation = variation;
  if (variation == Variation::kCategoricalUniform) {
    options.gene_groups = paired_halves(surrogate.genes());
  }
  return options;
}

Nsga3Options with_steps(Nsga3Options options) {
  options.mutation = CategoricalMutation::kStep;
  return options;
}

// A search as the plugin runs it: 32 samples with both uniform anchors, then generations of 16, no
// genome twice. Between any two calls the state can go through text.
struct Search {
  explicit Search(const Nsga3Options& options, Surrogate problem = {})
      : core(options, problem.domain()), surrogate(problem) {}

  void start(std::uint64_t seed) {
    state = Nsga3Core::begin(seed);
    Points batch = core.sample(state, 30, filter());
    batch.insert(batch.begin(), {core.domain().lower, core.domain().upper});
    core.propose(state, std::move(batch));
  }

  void run(unsigned generations) {
    while (state.generation < generations || state.genomes.empty()) {
      finish();
      if (state.generation < generations) core.ask(state, filter());
    }
  }

  void finish() {
    if (state.offspring.empty()) return;
    for (const Point& genome : state.offspring) {
      trials += seen.insert(genome).second;
      archive.push_back(surrogate.evaluate(genome));
    }
    core.tell(state, surrogate.evaluate(state.offspring));
  }

  DuplicateFilter filter() {
    return [this](const Point& genome) { return seen.count(genome) > 0; };
  }

  void save_and_restore() {
    const std::string text = nlohmann::json(state).dump();
    state = nlohmann::json::parse(text).get<Nsga3State>();
  }

  Nsga3Core core;
  Surrogate surrogate;
  Nsga3State state;
  std::set<Point> seen;
  Points archive;
  int trials = 0;
};

// Within 832 evaluations random genomes reach a share of 0.80 on ten layers and pagmo's NSGA-II
// 0.93, both as means of 30 seeds.
void expect_share(const Nsga3Options& options, Surrogate surrogate, double least) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Search search(options, surrogate);
    search.start(seed);
    search.run(50);
    EXPECT_EQ(search.archive.size(), 832u);
    EXPECT_EQ(search.trials, 832) << "no genome twice";
    const double share = surrogate.share_of_front(search.archive);
    std::printf("%zu layers, seed %d: share of the true front's hypervolume %.4f\n",
                surrogate.layers, static_cast<int>(seed), share);
    EXPECT_GE(share, least) << "seed " << seed;
    EXPECT_LE(share, 1.0 + 1e-12);
  }
}

TEST(Core, FindsTheFrontOfSixLayersWithinTheBudget) {
  const Surrogate six{6};
  expect_share(with_steps(categorical(Variation::kCategoricalUniform, six)), six, .98);
}

TEST(Core, ComesCloseToTheFrontOfTenLayersWithinTheBudget) {
  const Surrogate ten{10};
  expect_share(with_steps(categorical(Variation::kCategoricalUniform, ten)), ten, .96);
  expect_share(categorical(Variation::kCategoricalUniform, ten), ten, .95);
  expect_share(categorical(Variation::kCategoricalTwoPoint, ten), ten, .93);
}

class CoreSearch : public testing::TestWithParam<Variation> {};

TEST_P(CoreSearch, ResumesBitForBitAtEveryPoint) {
  constexpr unsigned kGenerations = 6;
  Search whole(categorical(GetParam()));
  whole.start(11);
  whole.run(kGenerations);
  const nlohmann::json expected = whole.state;
  for (unsigned stop = 0; stop <= kGenerations; ++stop) {
    for (bool in_the_middle_of_a_batch : {false, true}) {
      Search resumed(categorical(GetParam()));
      resumed.start(11);
      resumed.run(stop);
      if (in_the_middle_of_a_batch) {
        resumed.core.ask(resumed.state, resumed.filter());
        // Part of the batch was evaluated before the end, so the filter knows it now.
        resumed.seen.insert(resumed.state.offspring.begin(), resumed.state.offspring.begin() + 5);
      }
      resumed.save_and_restore();
      if (in_the_middle_of_a_batch) resumed.core.ask(resumed.state, resumed.filter());
      if (stop < kGenerations) {
        resumed.run(kGenerations);
        EXPECT_EQ(nlohmann::json(resumed.state), expected) << "stopped after " << stop;
      }
    }
  }
  Search other(categorical(GetParam()));
  other.start(12);
  other.run(kGenerations);
  EXPECT_NE(nlohmann::json(other.state)["genomes"], expected["genomes"]);
}

INSTANTIATE_TEST_SUITE_P(Variations, CoreSearch,
                         testing::Values(Variation::kCategoricalUniform,
                                         Variation::kCategoricalTwoPoint, Variation::kVegaSegment),
                         [](const auto& test) { return std::to_string(test.index); });

TEST(Core, StateSurvivesTextExactly) {
  Search search(categorical(Variation::kCategoricalUniform));
  search.start(3);
  search.run(3);
  search.core.ask(search.state);
  search.state.fitness[0][0] = std::nextafter(.1, 1.0);
  search.state.memory.ideal[1] = 1e-310;
  const nlohmann::json json = search.state;
  const auto copy = nlohmann::json::parse(json.dump()).get<Nsga3State>();
  EXPECT_EQ(copy.generation, 3u);
  EXPECT_EQ(copy.genomes, search.state.genomes);
  EXPECT_EQ(copy.fitness, search.state.fitness);
  EXPECT_EQ(copy.offspring, search.state.offspring);
  EXPECT_EQ(copy.memory.ideal, search.state.memory.ideal);
  EXPECT_EQ(copy.memory.extremes, search.state.memory.extremes);
  EXPECT_EQ(copy.rng, search.state.rng);
}

TEST(Core, DamagedStatesAreRefusedByName) {
  Search search(categorical(Variation::kCategoricalUniform));
  search.start(3);
  search.run(1);
  const nlohmann::json good = search.state;
  const auto message = [&](const char* name, const nlohmann::json& value) {
    nlohmann::json bad = good;
    bad[name] = value;
    Nsga3State state = search.state;
    const std::string text = message_of([&] { from_json(bad, state); });
    EXPECT_EQ(nlohmann::json(state), good) << "the state is unchanged";
    return text;
  };
  EXPECT_TRUE(contains(message("format", "something"), "deneb-nsga3-state"));
  EXPECT_TRUE(contains(message("version", 2), "version 2, expected 1"));
  EXPECT_TRUE(contains(message("rng", "12 x"), "'rng'"));
  EXPECT_TRUE(contains(message("generation", "one"), "'generation'"));
  EXPECT_TRUE(contains(message("fitness", {{1.0, 2.0}}), "16 genomes and 1 rows"));
  EXPECT_TRUE(contains(message("extremes", {{1.0}}), "'extremes'"));
  nlohmann::json incomplete = good;
  incomplete.erase("ideal");
  EXPECT_TRUE(contains(message_of([&] { incomplete.get<Nsga3State>(); }), "no field 'ideal'"));
  EXPECT_THROW(nlohmann::json(3).get<Nsga3State>(), std::invalid_argument);
}

TEST(Core, TellReturnsTheSurvivorsInPopulationOrder) {
  const Nsga3Core core(categorical(Variation::kCategoricalUniform), Surrogate().domain());
  const Surrogate surrogate;
  Nsga3State state = Nsga3Core::begin(5);
  core.sample(state, 32);
  core.tell(state, surrogate.evaluate(state.offspring));
  EXPECT_EQ(state.generation, 0u);
  Points pool = state.genomes;
  const Points offspring = core.ask(state);
  ASSERT_EQ(offspring.size(), 16u);
  pool.insert(pool.end(), offspring.begin(), offspring.end());
  const auto survivors = core.tell(state, surrogate.evaluate(offspring));
  ASSERT_EQ(survivors.size(), 16u);
  EXPECT_TRUE(std::is_sorted(survivors.begin(), survivors.end()));
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(state.genomes[i], pool[survivors[i]]);
    EXPECT_EQ(state.fitness[i], surrogate.evaluate(pool[survivors[i]]));
  }
  EXPECT_EQ(state.generation, 1u);
  EXPECT_TRUE(state.offspring.empty());
}

TEST(Core, WrongUseIsRefusedAndChangesNothing) {
  const Nsga3Core core(categorical(Variation::kCategoricalUniform), Surrogate().domain());
  const Surrogate surrogate;
  Nsga3State state = Nsga3Core::begin(5);
  EXPECT_TRUE(contains(message_of([&] { core.ask(state); }), "0 members"));
  core.sample(state, 10);
  EXPECT_TRUE(contains(message_of([&] { core.tell(state, surrogate.evaluate(state.offspring)); }),
                       "10 individuals, expected at least the population size 16"));
  core.propose(state, {});
  core.sample(state, 16);
  Points fitness = surrogate.evaluate(state.offspring);
  fitness[4][1] = std::numeric_limits<double>::quiet_NaN();
  const nlohmann::json before = state;
  EXPECT_TRUE(contains(message_of([&] { core.tell(state, fitness); }),
                       "objective 1 of individual 4 is nan"));
  fitness.pop_back();
  EXPECT_TRUE(contains(message_of([&] { core.tell(state, fitness); }), "15 individuals"));
  EXPECT_EQ(nlohmann::json(state), before);
  Point genome(20, 0);
  genome[3] = .5;
  EXPECT_TRUE(contains(message_of([&] { core.propose(state, {genome}); }), "gene 3 of genome 0"));
  genome[3] = 3;
  EXPECT_THROW(core.propose(state, {genome}), std::invalid_argument);
}

TEST(Core, SmallSpacesEndWithAcceptedDuplicates) {
  // 2^2 genomes and batches of 5: the filter cannot be satisfied, but the call must return.
  const Nsga3Core core(categorical(Variation::kCategoricalTwoPoint), {{0, 0}, {1, 1}, 2, 2, 5});
  Nsga3State state = Nsga3Core::begin(1);
  const DuplicateFilter always = [](const Point&) { return true; };
  EXPECT_EQ(core.sample(state, 5, always).size(), 5u);
  core.tell(state, {{1, 2}, {2, 1}, {0, 3}, {3, 0}, {1, 1}});
  EXPECT_EQ(core.ask(state, always).size(), 5u);
}

TEST(Core, RandomGenomesReplaceStubbornDuplicates) {
  // Without crossover and mutation each child copies a parent, so only random draws are new.
  Nsga3Options options = categorical(Variation::kCategoricalTwoPoint);
  options.p_cr = 0;
  options.p_m = 0;
  const Nsga3Core core(options, Surrogate().domain());
  const Surrogate surrogate;
  Nsga3State state = Nsga3Core::begin(1);
  core.sample(state, 16);
  core.tell(state, surrogate.evaluate(state.offspring));
  const std::set<Point> parents(state.genomes.begin(), state.genomes.end());
  Nsga3State copy = state;
  for (const Point& genome : core.ask(copy)) EXPECT_EQ(parents.count(genome), 1u);
  const Points fresh =
      core.ask(state, [&](const Point& genome) { return parents.count(genome) > 0; });
  for (const Point& genome : fresh) EXPECT_EQ(parents.count(genome), 0u);
  EXPECT_EQ(std::set<Point>(fresh.begin(), fresh.end()).size(), 16u);
}

TEST(Core, MixedGenomesKeepTheirIntegersWhole) {
  const Nsga3Core core({}, {{0, -2, 0}, {1, 3, 9}, 2, 2, 9});
  Nsga3State state = Nsga3Core::begin(4);
  core.sample(state, 9);
  std::set<double> values;
  for (int generation = 0; generation < 40; ++generation) {
    Points fitness;
    for (const Point& x : state.offspring) {
      values.insert(x[1]);
      fitness.push_back({x[0] + std::abs(x[1]), 10 - x[2] + x[0]});
    }
    core.tell(state, fitness);
    core.ask(state);  // checks the genomes of the population on the way
  }
  for (double value : values) EXPECT_EQ(value, std::round(value));
  EXPECT_LT(state.memory.ideal[1], 1.01) << "the best value is 1";
}

TEST(Core, ConstructionChecksSettingsAndDomain) {
  const auto message = [](const Nsga3Options& options, const Nsga3Domain& domain) {
    return message_of([&] { Nsga3Core(options, domain); });
  };
  const Nsga3Domain domain = Surrogate().domain();
  Nsga3Options options;
  options.divisions = 16;
  EXPECT_TRUE(contains(message(options, domain), "17 reference points"));
  options = {};
  options.p_cr = 1.5;
  EXPECT_TRUE(contains(message(options, domain), "p_cr is 1.5"));
  options = {};
  options.eta_m = 100;
  EXPECT_TRUE(contains(message(options, domain), "eta_m is 100"));
  options = categorical(Variation::kCategoricalUniform);
  EXPECT_TRUE(contains(message(options, {{0, 0}, {1, 1}, 1, 2, 16}), "integer genes only"));
  EXPECT_TRUE(contains(message(options, {{0, 0}, {1, 1}, 2, 2, 16}), "gene groups"));
  EXPECT_TRUE(contains(message({}, {{0, .5}, {1, 2}, 1, 2, 16}), "gene 1"));
  EXPECT_TRUE(contains(message({}, {{0, 2}, {1, 1}, 1, 2, 16}), "bounds [2, 1]"));
  EXPECT_TRUE(contains(message({}, {{2}, {2}, 1, 2, 16}), "no gene can change"));
  EXPECT_NO_THROW(Nsga3Core({}, {{0}, {1}, 0, 5, 4})) << "fewer members than objectives";
}

// --- The pagmo algorithm
// --------------------------------------------------------------------------

// The surrogate as a pagmo problem that counts how it is called. pagmo copies problems, so the
// counters are shared.
struct CountingProblem {
  pagmo::vector_double fitness(const pagmo::vector_double& x) const {
    ++counts->single;
    return Surrogate().evaluate(x);
  }
  pagmo::vector_double batch_fitness(const pagmo::vector_double& flat) const {
    counts->batches.push_back(flat.size() / (Surrogate().genes()));
    pagmo::vector_double all;
    for (auto x = flat.begin(); x != flat.end(); x += Surrogate().genes()) {
      const Point row = Surrogate().evaluate(Point(x, x + Surrogate().genes()));
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    return {Surrogate().domain().lower, Surrogate().domain().upper};
  }
  pagmo::vector_double::size_type get_nobj() const { return 2; }
  pagmo::vector_double::size_type get_nix() const { return Surrogate().genes(); }

  struct Counts {
    int single = 0;
    std::vector<std::size_t> batches;
  };
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
};

Nsga3Options generations(unsigned gen, unsigned seed = 42) {
  Nsga3Options options;
  options.gen = gen;
  options.seed = seed;
  return options;
}

pagmo::population dtlz_population(std::size_t size, unsigned seed = 7) {
  return pagmo::population(pagmo::problem(pagmo::dtlz(2u, 7u, 3u)), size, seed);
}

TEST(PagmoAlgorithm, EqualSeedsGiveEqualRuns) {
  const auto start = dtlz_population(20);
  const auto first = pagmo::algorithm(Nsga3(generations(15))).evolve(start);
  EXPECT_EQ(first.get_x(), pagmo::algorithm(Nsga3(generations(15))).evolve(start).get_x());
  EXPECT_NE(first.get_x(), pagmo::algorithm(Nsga3(generations(15, 43))).evolve(start).get_x());
  pagmo::algorithm again{Nsga3(generations(15, 1))};
  ASSERT_TRUE(again.has_set_seed());
  again.evolve(dtlz_population(20, 8));
  again.set_seed(42);
  EXPECT_EQ(first.get_x(), again.evolve(start).get_x()) << "set_seed forgets earlier calls";
}

TEST(PagmoAlgorithm, WorksWithPopulationsOfAnySize) {
  for (std::size_t size : {4u, 5u, 7u, 10u, 13u, 21u}) {
    const auto start = dtlz_population(size);
    const auto result = pagmo::algorithm(Nsga3(generations(20))).evolve(start);
    EXPECT_EQ(result.size(), size);
    EXPECT_EQ(result.get_problem().get_fevals(), size * 21);
    const Point before = pagmo::ideal(start.get_f());
    const Point after = pagmo::ideal(result.get_f());
    EXPECT_LT(std::accumulate(after.begin(), after.end(), 0.0),
              std::accumulate(before.begin(), before.end(), 0.0));
  }
}

// Small populations have two layers of reference points from four objectives on, tiny ones more
// points than members.
TEST(PagmoAlgorithm, WorksWithThreeToEightObjectives) {
  for (unsigned objectives = 3; objectives <= 8; ++objectives) {
    for (std::size_t size : {5u, 17u, 40u}) {
      const pagmo::problem problem{pagmo::dtlz(2u, objectives + 9, objectives)};
      const pagmo::population start(problem, size, 7);
      const auto result = pagmo::algorithm(Nsga3(generations(60))).evolve(start);
      const auto distance = [](const pagmo::population& population) {
        double sum = 0;  // of the squares is 1 on the front
        for (const Point& row : population.get_f()) {
          sum += std::inner_product(row.begin(), row.end(), row.begin(), 0.0) - 1;
        }
        return sum / static_cast<double>(population.size());
      };
      EXPECT_EQ(result.size(), size);
      EXPECT_LT(distance(result), .5 * distance(start)) << objectives << " objectives, " << size;
    }
  }
}

TEST(Core, ParentsComeFromTheArchiveToo) {
  // Members are all 0, the archive is all 2: without mutation children mix both, or are one of
  // them.
  Nsga3Options options = categorical(Variation::kCategoricalUniform);
  options.p_m = 0;
  const Nsga3Core core(options, Surrogate().domain());
  Nsga3State state = Nsga3Core::begin(3);
  core.propose(state, Points(16, Point(20, 0)));
  core.tell(state, Points(16, Point{1, 1}));
  Nsga3State again = state;
  int members = 0, archived = 0, mixed = 0;
  for (int i = 0; i < 50; ++i) {
    for (const Point& child : core.ask(state, {}, {Point(20, 2)})) {
      const double sum = std::accumulate(child.begin(), child.end(), 0.0);
      ++(sum == 0 ? members : sum == 40 ? archived : mixed);
    }
    core.tell(state, Points(16, Point{2, 2}));  // dominated: the members stay
  }
  EXPECT_NEAR(members, 200, 60);
  EXPECT_NEAR(archived, 200, 60);
  EXPECT_NEAR(mixed, 400, 60);
  for (const Point& child : core.ask(again)) EXPECT_EQ(child, Point(20, 0)) << "no archive";
  Nsga3State wrong = Nsga3Core::begin(3);
  core.propose(wrong, Points(16, Point(20, 0)));
  core.tell(wrong, Points(16, Point{1, 1}));
  EXPECT_TRUE(contains(message_of([&] { core.ask(wrong, {}, {Point(19, 0)}); }), "19 genes"));
}

TEST(PagmoAlgorithm, BatchEvaluatorGetsEachGenerationInOneCall) {
  Nsga3Options options = categorical(Variation::kCategoricalUniform);
  options.gen = 5;
  options.seed = 3;
  const CountingProblem one_by_one;
  const auto expected =
      pagmo::algorithm(Nsga3(options)).evolve(pagmo::population(one_by_one, 13, 1));
  EXPECT_EQ(one_by_one.counts->single, 13 + 5 * 13);
  EXPECT_TRUE(one_by_one.counts->batches.empty());

  const CountingProblem batched;
  const pagmo::population start(batched, 13, 1);
  batched.counts->single = 0;
  Nsga3 algorithm(options);
  algorithm.set_bfe(pagmo::bfe{});
  const auto result = pagmo::algorithm(algorithm).evolve(start);
  EXPECT_EQ(batched.counts->single, 0);
  EXPECT_EQ(batched.counts->batches, std::vector<std::size_t>(5, 13));
  EXPECT_EQ(result.get_problem().get_fevals(), 13u + 5 * 13);
  EXPECT_EQ(result.get_x(), expected.get_x());
  EXPECT_EQ(result.get_f(), expected.get_f());
}

TEST(PagmoAlgorithm, TenCallsOfOneGenerationEqualOneCallOfTen) {
  const auto start = dtlz_population(15);
  const auto expected = pagmo::algorithm(Nsga3(generations(10))).evolve(start);
  const pagmo::algorithm stepwise{Nsga3(generations(1))};
  pagmo::population population = start;
  for (int i = 0; i < 10; ++i) population = stepwise.evolve(population);
  EXPECT_EQ(population.get_x(), expected.get_x());
  EXPECT_EQ(population.get_f(), expected.get_f());
}

TEST(PagmoAlgorithm, SerializedInTheMiddleItContinuesTheSame) {
  Nsga3 algorithm(generations(6));
  algorithm.set_bfe(pagmo::bfe{});
  algorithm.set_verbosity(2);
  const pagmo::algorithm original{algorithm};
  const auto half_way = original.evolve(dtlz_population(15));

  std::stringstream stream;
  {
    boost::archive::binary_oarchive archive(stream);
    archive << original;
  }
  pagmo::algorithm loaded;
  {
    boost::archive::binary_iarchive archive(stream);
    archive >> loaded;
  }
  ASSERT_TRUE(loaded.is<Nsga3>());
  EXPECT_EQ(loaded.get_extra_info(), original.get_extra_info());
  EXPECT_EQ(loaded.extract<Nsga3>()->get_log(), original.extract<Nsga3>()->get_log());
  EXPECT_EQ(loaded.evolve(half_way).get_x(), original.evolve(half_way).get_x());
}

TEST(PagmoAlgorithm, LogAndDescription) {
  Nsga3 plain(generations(7));
  plain.set_verbosity(3);
  const pagmo::algorithm algorithm{plain};
  const auto result = algorithm.evolve(dtlz_population(15));
  const auto& log = algorithm.extract<Nsga3>()->get_log();
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(std::get<0>(log[2]), 7u);
  EXPECT_EQ(std::get<1>(log[0]), 15u);
  EXPECT_EQ(std::get<1>(log[2]), 105u);
  const Point now = pagmo::ideal(result.get_f());
  for (std::size_t j = 0; j < 3; ++j) EXPECT_LE(std::get<2>(log[2])[j], now[j]);
  EXPECT_EQ(algorithm.get_name(), "NSGA-III");
  EXPECT_TRUE(contains(algorithm.get_extra_info(), "Generations: 7"));
  EXPECT_TRUE(contains(algorithm.get_extra_info(), "Seed: 42"));
}

TEST(PagmoAlgorithm, NoGenerationReturnsThePopulation) {
  const auto start = dtlz_population(15);
  EXPECT_EQ(pagmo::algorithm(Nsga3(generations(0))).evolve(start).get_x(), start.get_x());
}

// A problem whose traits are set by the test.
struct OddProblem {
  std::size_t objectives = 2;
  std::size_t constraints = 0;
  double upper = 1.0;
  bool stochastic = false;
  double value = 0.0;

  pagmo::vector_double fitness(const pagmo::vector_double&) const {
    return pagmo::vector_double(objectives + constraints, value);
  }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    return {{0, 0}, {1, upper}};
  }
  std::size_t get_nobj() const { return objectives; }
  std::size_t get_nic() const { return constraints; }
  void set_seed(unsigned) {}
  bool has_set_seed() const { return stochastic; }
};

TEST(PagmoAlgorithm, ProblemsItCannotSolveAreRefused) {
  const auto message = [](const OddProblem& problem, std::size_t size = 8) {
    const pagmo::population population(problem, size, 1);
    return message_of([&] { Nsga3(generations(1)).evolve(population); });
  };
  OddProblem problem;
  problem.objectives = 1;
  EXPECT_TRUE(contains(message(problem), "number of objectives is 1"));
  problem = {};
  problem.constraints = 1;
  EXPECT_TRUE(contains(message(problem), "has 1 constraints"));
  problem = {};
  problem.stochastic = true;
  EXPECT_TRUE(contains(message(problem), "is stochastic"));
  problem = {};
  problem.upper = 0.0;
  EXPECT_TRUE(contains(message(problem), "gene 1 has the bounds [0, 0]"));
  problem.upper = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(contains(message_of([&] {
                         pagmo::population population{pagmo::problem(problem)};
                         for (int i = 0; i < 8; ++i) population.push_back({.5, .5});
                         Nsga3(generations(1)).evolve(population);
                       }),
                       "expected finite ones"));
  EXPECT_TRUE(contains(message({}, 3), "population size is 3"));
  problem = {};
  problem.value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(contains(message(problem), "is nan, expected a finite number"));
  Nsga3Options options;
  options.p_m = 1.2;
  EXPECT_TRUE(contains(message_of([&] { Nsga3{options}; }), "p_m is 1.2"));
}

TEST(PagmoAlgorithm, AConstantObjectiveDoesNotDisturb) {
  OddProblem problem;
  problem.value = 5.0;
  const pagmo::population start(problem, 9, 1);
  EXPECT_EQ(Nsga3(generations(5)).evolve(start).get_f(), Points(9, Point{5, 5}));
}

}  // namespace
}  // namespace deneb::quant_ea
