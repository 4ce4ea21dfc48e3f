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
#include "real_variation.h"

namespace deneb::quant_ea {
namespace {

void expect_points(const Points& found, const Points& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].size(), expected[i].size());
    for (std::size_t j = 0; j < found[i].size(); ++j) {
      EXPECT_NEAR(found[i][j], expected[i][j], tolerance) << "row " << i << " column " << j;
    }
  }
}

void expect_point(const Point& found, const Point& expected, double tolerance) {
  expect_points({found}, {expected}, tolerance);
}

Points without_ideal(Points points, const Point& ideal) {
  for (Point& point : points) {
    for (std::size_t j = 0; j < point.size(); ++j) point[j] -= ideal[j];
  }
  return points;
}

// --- Reference points
// ------------------------------------------------------------------------------

TEST(ReferencePoints, LatticeOfThreeObjectivesInLexicographicOrder) {
  expect_points(das_dennis(3, 2),
                {{0, 0, 1}, {0, .5, .5}, {0, 1, 0}, {.5, 0, .5}, {.5, .5, 0}, {1, 0, 0}}, 0.0);
}

TEST(ReferencePoints, InnerLayerIsShrunkTowardsTheCenter) {
  const double far = 2.0 / 3.0;
  const double near = 1.0 / 6.0;
  expect_points(inner_layer(3, 1), {{near, near, far}, {near, far, near}, {far, near, near}},
                1e-15);
}

TEST(ReferencePoints, Counts) {
  struct Row {
    std::size_t objectives;
    unsigned divisions;
    std::size_t count;
  };
  for (const Row& row : {Row{2, 15, 16}, Row{3, 4, 15}, Row{3, 12, 91}, Row{4, 8, 165},
                         Row{5, 6, 210}, Row{8, 3, 156}, Row{10, 3, 275}, Row{15, 2, 135}}) {
    const ReferenceLayout layout = paper_layout(row.objectives, row.divisions);
    const Points points = reference_points(row.objectives, layout);
    EXPECT_EQ(points.size(), row.count) << row.objectives << " objectives";
    EXPECT_EQ(reference_point_count(row.objectives, layout), row.count);
    EXPECT_EQ(std::set<Point>(points.begin(), points.end()).size(), row.count);
    for (const Point& point : points) {
      EXPECT_NEAR(std::accumulate(point.begin(), point.end(), 0.0), 1.0, 1e-12);
      EXPECT_GE(*std::min_element(point.begin(), point.end()), 0.0);
    }
  }
  EXPECT_EQ(lattice_size(200, 200), std::numeric_limits<std::size_t>::max());
}

TEST(ReferencePoints, LayoutsThatAPopulationFills) {
  const auto expect_layout = [](std::size_t objectives, std::size_t population, unsigned outer,
                                unsigned inner) {
    const ReferenceLayout layout = fitting_layout(objectives, population);
    EXPECT_EQ(layout.outer, outer) << objectives << " objectives, population " << population;
    EXPECT_EQ(layout.inner, inner) << objectives << " objectives, population " << population;
  };
  expect_layout(2, 16, 15, 0);
  expect_layout(3, 16, 4, 0);
  expect_layout(3, 14, 3, 0);
  expect_layout(3, 92, 12, 0);
  expect_layout(5, 212, 6, 0);
  // As in the paper.
  expect_layout(8, 156, 3, 2);
  expect_layout(15, 136, 2, 1);
  // A coarser inner layer where the paper's does not fit, and where a single lattice of few
  // divisions lies on the edge of the simplex only.
  expect_layout(8, 155, 3, 1);
  expect_layout(5, 100, 4, 2);
  expect_layout(3, 6, 2, 0);
  expect_layout(3, 9, 2, 1);
  expect_layout(4, 4, 1, 0);
  expect_layout(8, 4, 1, 0);  // more points than members
  for (std::size_t objectives = 3; objectives <= 8; ++objectives) {
    for (std::size_t population = objectives; population <= 400; population += 7) {
      const ReferenceLayout layout = fitting_layout(objectives, population);
      const Points points = reference_points(objectives, layout);
      EXPECT_LE(points.size(), population);
      EXPECT_EQ(points.size(), std::set<Point>(points.begin(), points.end()).size());
    }
  }
  EXPECT_THROW(fitting_layout(1, 16), std::invalid_argument);
  EXPECT_THROW(das_dennis(1, 3), std::invalid_argument);
  EXPECT_THROW(das_dennis(3, 0), std::invalid_argument);
}

TEST(ReferencePoints, InvertedGenerationalDistance) {
  Points targets = das_dennis(3, 2);
  for (Point& target : targets) {
    const double length =
        std::sqrt(std::inner_product(target.begin(), target.end(), target.begin(), 0.0));
    for (double& coordinate : target) coordinate /= length;
  }
  EXPECT_NEAR(inverted_generational_distance(targets, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}), .3826834,
              1e-7);
  EXPECT_THROW(inverted_generational_distance(targets, {}), std::invalid_argument);
}

// --- What the selection takes from pagmo
// ----------------------------------------------------------

TEST(PagmoPieces, FrontsIdealNadirAndHypervolume) {
  const Points points{{1, 5}, {2, 3}, {4, 1}, {3, 4}, {5, 5}, {2, 3}};
  auto fronts = std::get<0>(pagmo::fast_non_dominated_sorting(points));
  for (auto& front : fronts) std::sort(front.begin(), front.end());
  const std::vector<std::vector<pagmo::pop_size_t>> expected{{0, 1, 2, 5}, {3}, {4}};
  EXPECT_EQ(fronts, expected);
  EXPECT_EQ(pagmo::ideal(points), (Point{1, 1}));
  EXPECT_EQ(pagmo::nadir(points), (Point{4, 5}));
  EXPECT_DOUBLE_EQ(pagmo::hypervolume(Points{{1, 5}, {2, 3}, {4, 1}}).compute({6, 6}), 17.0);
}

TEST(PagmoPieces, DtlzValues) {
  const auto value = [](unsigned id, const Point& x) {
    return pagmo::problem(pagmo::dtlz(id, static_cast<unsigned>(x.size()), 3u)).fitness(x);
  };
  const auto genome = [](std::size_t size) {
    Point x(size, .3);
    x[0] = .25;
    x[1] = .75;
    return x;
  };
  expect_point(value(1, Point(7, .5)), {.125, .125, .25}, 1e-12);
  expect_point(value(2, Point(12, .5)), {.5, .5, .7071068}, 1e-7);
  expect_point(value(3, Point(12, .5)), {.5, .5, .7071068}, 1e-7);
  expect_point(value(4, Point(12, .5)), {1, 0, 0}, 1e-12);
  expect_point(value(1, genome(7)), {1.96875, .65625, 7.875}, 1e-9);
  expect_point(value(2, genome(12)), {.494974747, 1.19497475, .535756805}, 1e-8);
  expect_point(value(3, genome(12)), {14.495689, 34.995689, 15.6900207}, 1e-6);
  expect_point(value(4, genome(12)), {1.4, 7.1e-13, 0}, 1e-13);
}

// --- Normalization
// --------------------------------------------------------------------------------

TEST(Normalization, PlaneIntercepts) {
  const Points extremes{{4, 1, 0}, {0, 2, 1}, {1, 0, 3}};
  const auto plane = plane_intercepts(extremes);
  ASSERT_TRUE(plane);
  expect_point(*plane, {6.25, 2.7777778, 3.5714286}, 1e-7);
  EXPECT_FALSE(plane_intercepts({{1, 2}, {2, 5}})) << "intercepts 1/3 and -1";
  EXPECT_FALSE(plane_intercepts({{2, 3}, {2, 3}}));
  EXPECT_FALSE(plane_intercepts({{0, 0}, {0, 0}}));
  EXPECT_FALSE(plane_intercepts({{1, 0}, {1, 0}})) << "no extent along the second axis";
}

TEST(Normalization, PlaneDoesNotDependOnTheUnitsOfTheObjectives) {
  Points extremes{{4, 1, 0}, {0, 2, 1}, {1, 0, 3}};
  for (Point& row : extremes) {
    row[0] *= 1e-9;
    row[1] *= 1e12;
  }
  const auto plane = plane_intercepts(extremes);
  ASSERT_TRUE(plane);
  EXPECT_NEAR((*plane)[0] * 1e9, 6.25, 1e-9);
  EXPECT_NEAR((*plane)[1] * 1e-12, 2.7777778, 1e-7);
  EXPECT_NEAR((*plane)[2], 3.5714286, 1e-7);
}

TEST(Normalization, ExtremesInterceptsAndNichesOfASmallFront) {
  const Points front{{1, 9}, {2, 6}, {5, 3}, {9, 2}, {4, 4}};
  Point ideal;
  update_ideal(ideal, front);
  EXPECT_EQ(ideal, (Point{1, 2}));
  const Points extremes = find_extremes(front, {}, ideal);
  EXPECT_EQ(extremes, (Points{{9, 2}, {1, 9}}));
  Points normalized = without_ideal(front, ideal);
  const Point divisors = intercepts(without_ideal(extremes, ideal), normalized, normalized, ideal);
  expect_point(divisors, {8, 7}, 1e-12);
  for (Point& point : normalized) {
    for (std::size_t j = 0; j < 2; ++j) point[j] /= divisors[j];
  }
  expect_points(normalized, {{0, 1}, {.125, .571429}, {.5, .142857}, {1, 0}, {.375, .285714}},
                1e-6);
  const auto niches = associate(normalized, reference_points(2, {4}));
  const std::size_t expected_niches[] = {0, 1, 3, 4, 2};
  const double expected_distances[] = {0, .062116, .022588, 0, .063135};
  for (std::size_t i = 0; i < niches.size(); ++i) {
    EXPECT_EQ(niches[i].niche, expected_niches[i]) << i;
    EXPECT_NEAR(niches[i].distance, expected_distances[i], 1e-6) << i;
  }
}

TEST(Normalization, LargeUnitsDoNotHideTheExtremes) {
  // Error rate against operations: in raw units the plain achievement function takes the member
  // with the fewest operations for the extreme of the operations.
  const Points front{{.08, 4e7}, {.10, 2e7}, {.20, 1e7}};
  EXPECT_EQ(find_extremes(front, {}, {.08, 1e7}), (Points{{.20, 1e7}, {.08, 4e7}}));
}

TEST(Normalization, RememberedExtremesCompete) {
  const Points candidates{{1, 6}, {6, 1}};
  EXPECT_EQ(find_extremes(candidates, {{9, 0}, {0, 9}}, {0, 0}), (Points{{9, 0}, {0, 9}}));
  // With a better ideal the remembered points are off the axes and lose.
  EXPECT_EQ(find_extremes({{9, -2}, {-2, 9}}, {{9, 0}, {0, 9}}, {-2, -2}),
            (Points{{9, -2}, {-2, 9}}));
}

TEST(Normalization, FallbacksOfTheIntercepts) {
  const Points front{{0, 3}, {2, 0}};
  const Points selected{{0, 3}, {2, 0}, {5, 7}};
  const Point zero{0, 0};
  // Equal extremes: largest value in the front.
  expect_point(intercepts({{2, 0}, {2, 0}}, front, selected, zero), {2, 3}, 0.0);
  // A negative intercept: all axes fall back.
  expect_point(intercepts({{1, 2}, {2, 5}}, front, selected, zero), {2, 3}, 0.0);
  // The front has a single member: largest value among all selected.
  expect_point(intercepts({{0, 0}, {0, 0}}, {{0, 0}}, {{0, 0}, {5, 7}}, zero), {5, 7}, 0.0);
  // A constant objective is divided by one, also if rounding has moved it a little.
  expect_point(intercepts({{2, 0}, {2, 0}}, {{2, 0}, {0, 1e-7}}, {{2, 0}, {0, 1e-7}}, {0, 1e7}),
               {2, 1}, 0.0);
  // A plane that is nearly parallel to an axis: cut at the worst value present.
  expect_point(intercepts({{2, 0}, {1.9, 1}}, {{2, 0}, {0, 1}}, {{2, 0}, {0, 1}, {1, 4}}, zero),
               {2, 4}, 0.0);
}

TEST(Normalization, DistanceFromARay) {
  EXPECT_NEAR(ray_distance({.2, .5, .3}, {.25, .25, .5}), .3135815, 1e-7);
  EXPECT_EQ(associate({{1, 1}}, {{0, 1}, {1, 0}})[0].niche, 0u) << "ties go to the lowest index";
}

// --- Niching
// --------------------------------------------------------------------------------------

class NichingExample : public testing::Test {
 protected:
  std::vector<std::size_t> select(std::size_t survivors, std::uint64_t seed) const {
    NormalizationMemory memory;
    Rng rng(seed);
    return environmental_selection(points_, survivors, reference_points(2, {3}), memory, rng);
  }
  //                   A       B       C         D           E         G           dominated
  const Points points_{{0, 1}, {1, 0}, {.9, .2}, {.35, .75}, {.3, .8}, {.7, .42}, {1.2, 1.2}};
};

TEST_F(NichingExample, AssociationsOfTheExample) {
  const auto niches = associate(points_, reference_points(2, {3}));
  const std::size_t expected[] = {0, 3, 3, 1, 1, 2};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(niches[i].niche, expected[i]) << i;
  EXPECT_NEAR(niches[3].distance, .022361, 1e-6);
  EXPECT_NEAR(niches[4].distance, .089443, 1e-6);
}

TEST_F(NichingExample, OneMemberOfEachNicheForEverySeed) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    EXPECT_EQ(select(4, seed), (std::vector<std::size_t>{0, 1, 3, 5})) << "seed " << seed;
  }
}

TEST_F(NichingExample, FifthMemberIsDrawnAmongTheRest) {
  std::map<std::vector<std::size_t>, int> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) ++seen[select(5, seed)];
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_GT((seen[{0, 1, 2, 3, 5}]), 100) << "with C";
  EXPECT_GT((seen[{0, 1, 3, 4, 5}]), 100) << "with E";
}

TEST_F(NichingExample, WholeFrontsAreTakenUnchanged) {
  EXPECT_EQ(select(6, 1), (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(select(7, 1), (std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_THROW(select(8, 1), std::invalid_argument);
}

TEST(Niching, CrowdedNichesWaitAndEmptyOnesAreSkipped) {
  // Niche 0 has two members already, niche 1 one, niche 2 none and no candidate.
  const std::vector<Association> candidates{{0, .1}, {1, .3}, {1, .2}};
  std::set<std::size_t> first;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    first.insert(niching({2, 1, 0}, candidates, 1, rng).front());
  }
  EXPECT_EQ(first, (std::set<std::size_t>{1, 2})) << "any member once the niche is populated";
  Rng rng(1);
  EXPECT_EQ(niching({1, 0, 0}, candidates, 1, rng), (std::vector<std::size_t>{2})) << "the nearest";
  EXPECT_THROW(niching({0, 0, 0}, candidates, 4, rng), std::invalid_argument);
}

TEST(EnvironmentalSelection, RejectsValuesThatCannotBeCompared) {
  NormalizationMemory memory;
  Rng rng(1);
  const Points references = reference_points(2, {3});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const auto select = [&](const Points& fitness) {
    return message_of([&] { environmental_selection(fitness, 2, references, memory, rng); });
  };
  EXPECT_TRUE(contains(select({{1, 2}, {nan, 0}, {3, 1}}), "objective 0 of individual 1 is nan"));
  EXPECT_TRUE(contains(select({{1, 2}, {0, 3}, {3, -infinity}}), "is -inf"));
  EXPECT_TRUE(contains(select({{1, 2}, {0, 3}, {3}}), "individual 2 has 1 objectives"));
  EXPECT_TRUE(memory.ideal.empty()) << "a rejected pool leaves no trace";
}

// --- Variation
// ------------------------------------------------------------------------------------

TEST(RealVariation, SimulatedBinaryCrossover) {
  const auto expect_children = [](double u, double low, double high) {
    for (bool swapped : {false, true}) {
      const auto children =
          swapped ? sbx_children(.8, .2, 0, 1, 30, u) : sbx_children(.2, .8, 0, 1, 30, u);
      EXPECT_NEAR(children.first, low, 1e-7) << u;
      EXPECT_NEAR(children.second, high, 1e-7) << u;
    }
  };
  expect_children(.1, .2151778, .7848222);
  expect_children(.5, .2, .8);
  expect_children(.9, .1840134, .8159866);
  EXPECT_EQ(sbx_children(.4, .4, 0, 1, 30, .7), std::make_pair(.4, .4));
  for (double u = 0.0; u < 1.0; u += 1.0 / 64) {
    const auto [low, high] = sbx_children(0, 1, 0, 1, 1, u);
    EXPECT_GE(low, 0.0);
    EXPECT_LE(high, 1.0);
  }
}

TEST(RealVariation, PolynomialMutation) {
  EXPECT_NEAR(polynomial_mutation(.5, 0, 1, 20, .25), .4675318, 1e-7);
  EXPECT_NEAR(polynomial_mutation(.5, 0, 1, 20, .75), .5324682, 1e-7);
  EXPECT_NEAR(polynomial_mutation(.1, 0, 1, 20, .25), .0723277, 1e-7);
  EXPECT_NEAR(polynomial_mutation(.1, 0, 1, 20, .75), .1324682, 1e-7);
  EXPECT_NEAR(polynomial_mutation(-3.5, -4, -3, 20, .25), -3.5324682, 1e-7);
  EXPECT_GE(polynomial_mutation(0, 0, 1, 1, 0), 0.0);
}

TEST(CategoricalVariation, VegaSegmentsLeaveOutTheirEnd) {
  const IntGenome low(6, 0);
  const IntGenome high(6, 1);
  EXPECT_EQ(vega_crossover(low, high, 0, 3), (IntGenome{1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(vega_crossover(low, high, 3, 0), (IntGenome{1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(vega_crossover(low, high, 2, 2), low);
  Rng rng(1);
  EXPECT_EQ(vega_mutation(low, IntGenome(6, 1), 0, 3, rng), (IntGenome{1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(vega_mutation(high, IntGenome(6, 1), 3, 0, rng), (IntGenome{0, 0, 0, 1, 1, 1}));
  EXPECT_THROW(vega_crossover(low, high, 0, 6), std::invalid_argument);
}

TEST(CategoricalVariation, VegaChildrenHaveTheMeasuredStatistics) {
  const IntGenome low(40, 0);
  const IntGenome high(40, 1);
  Rng rng(7);
  constexpr int kChildren = 40000;
  std::vector<int> changed(40, 0);
  int copies = 0;
  for (int i = 0; i < kChildren; ++i) {
    const IntGenome child = vega_child(low, high, IntGenome(40, 1), rng);
    for (std::size_t gene = 0; gene < 40; ++gene) changed[gene] += child[gene];
    copies += child == low;
  }
  const double mean_length = std::accumulate(changed.begin(), changed.end(), 0.0) / kChildren;
  EXPECT_NEAR(mean_length, 13.325, .2);
  EXPECT_NEAR(copies / double{kChildren}, .025, .005);
  EXPECT_NEAR(changed[0] / double{kChildren}, .049, .006);
  EXPECT_NEAR(changed[20] / double{kChildren}, .5, .02);
  EXPECT_EQ(changed[39], 0);
}

TEST(CategoricalVariation, UniformCrossoverKeepsPairsTogether) {
  const GeneGroups pairs = paired_halves(8);
  Rng rng(3);
  std::vector<int> swapped(4, 0);
  for (int i = 0; i < 2000; ++i) {
    IntGenome first{0, 0, 0, 0, 0, 0, 0, 0};
    IntGenome second{1, 1, 1, 1, 1, 1, 1, 1};
    uniform_crossover(first, second, pairs, .5, rng);
    for (std::size_t gene = 0; gene < 8; ++gene) EXPECT_EQ(first[gene] + second[gene], 1);
    for (std::size_t layer = 0; layer < 4; ++layer) {
      EXPECT_EQ(first[layer], first[layer + 4]);
      swapped[layer] += first[layer];
    }
  }
  for (int count : swapped) EXPECT_NEAR(count, 1000, 100);
  EXPECT_THROW(paired_halves(7), std::invalid_argument);
  EXPECT_THROW(check_groups({{0, 1}, {1}}, 2), std::invalid_argument);
  EXPECT_THROW(check_groups({{0}}, 2), std::invalid_argument);
  EXPECT_THROW(check_groups({{0, 1, 2}}, 2), std::invalid_argument);
}

TEST(CategoricalVariation, TwoPointCrossoverSwapsOneSegmentWithBothEnds) {
  Rng rng(5);
  std::set<std::pair<std::size_t, std::size_t>> segments;
  for (int i = 0; i < 2000; ++i) {
    IntGenome first(5, 0);
    IntGenome second(5, 1);
    two_point_crossover(first, second, rng);
    const auto begin = std::find(first.begin(), first.end(), 1);
    const auto end = std::find(begin, first.end(), 0);
    ASSERT_NE(begin, first.end()) << "the segment is never empty";
    EXPECT_EQ(std::count(end, first.end(), 1), 0) << "the segment is contiguous";
    for (std::size_t gene = 0; gene < 5; ++gene) EXPECT_EQ(first[gene] + second[gene], 1);
    segments.insert({begin - first.begin(), end - first.begin()});
  }
  EXPECT_EQ(segments.size(), 15u) << "all segments of 5 genes occur";
}

TEST(CategoricalVariation, GroupStepsMoveHalfOfTheGroupsAsAWhole) {
  const std::vector<int> upper{4, 4, 4, 4};
  const GeneGroups pairs = paired_halves(4);
  Rng rng(11);
  std::map<std::pair<int, int>, int> moves;  // of genes 0 and 2, which are a group
  for (int i = 0; i < 40000; ++i) {
    IntGenome genome{2, 2, 2, 2};
    mutate(genome, upper, .1, CategoricalMutation::kGroupStep, pairs, rng);
    for (const int gene : genome) EXPECT_LE(std::abs(gene - 2), 1);
    ++moves[{genome[0] - 2, genome[2] - 2}];
  }
  // Together: half of the groups, with probability .2. Alone: the other half, .1 each.
  EXPECT_NEAR(moves.at({1, 1}), 40000 * (.5 * .1 + .5 * .0025), 250);
  EXPECT_NEAR(moves.at({-1, -1}), 40000 * (.5 * .1 + .5 * .0025), 250);
  EXPECT_NEAR(moves.at({1, 0}), 40000 * .5 * .1 * .9 / 2, 150);
  EXPECT_NEAR(moves.at({0, -1}), 40000 * .5 * .1 * .9 / 2, 150);
  IntGenome edge{4, 0, 3, 0};
  for (int i = 0; i < 1000; ++i) {
    mutate(edge, {4, 0, 4, 0}, 1.0, CategoricalMutation::kGroupStep, pairs, rng);
    EXPECT_EQ(edge[1] + edge[3], 0) << "a gene with one candidate stays";
    EXPECT_TRUE(edge[0] >= 0 && edge[0] <= 4 && edge[2] >= 0 && edge[2] <= 4);
  }
}

TEST(CategoricalVariation, SpreadGenomesHaveTheMeanOfTheirLevel) {
  const std::vector<int> upper(1000, 4);
  Rng rng(13);
  for (const double level : {0.0, .1, .5, .9, 1.0}) {
    const IntGenome genome = spread_genome(upper, level, rng);
    const double mean = std::accumulate(genome.begin(), genome.end(), 0.0) / 1000;
    EXPECT_NEAR(mean, 4 * level, .15) << level;
    EXPECT_GE(*std::min_element(genome.begin(), genome.end()), 0);
    EXPECT_LE(*std::max_element(genome.begin(), genome.end()), 4);
  }
}

TEST(CategoricalVariation, MutationChangesGenesToOtherCandidates) {
  const std::vector<int> upper{1, 2, 4, 0};
  Rng rng(9);
  std::map<int, int> reset;
  std::map<int, int> step;
  int changed = 0;
  for (int i = 0; i < 4000; ++i) {
    IntGenome genome{1, 0, 2, 0};
    mutate(genome, upper, 1.0, CategoricalMutation::kReset, {}, rng);
    EXPECT_EQ(genome[0], 0);
    EXPECT_NE(genome[1], 0);
    EXPECT_EQ(genome[3], 0) << "a gene with one candidate stays";
    ++reset[genome[2]];
    genome = {1, 0, 2, 0};
    mutate(genome, upper, 1.0, CategoricalMutation::kStep, {}, rng);
    EXPECT_EQ(genome[0], 0);
    EXPECT_EQ(genome[1], 1);
    ++step[genome[2]];
    genome = {1, 0, 2, 0};
    mutate(genome, upper, .25, CategoricalMutation::kReset, {}, rng);
    changed += (genome[0] != 1) + (genome[1] != 0) + (genome[2] != 2);
  }
  EXPECT_EQ(reset.size(), 4u);
  EXPECT_EQ(reset.count(2), 0u);
  for (const auto& [value, count] : reset) EXPECT_NEAR(count, 1000, 150) << value;
  EXPECT_EQ(step.size(), 2u);
  EXPECT_NEAR(step[1], 2000, 200);
  EXPECT_NEAR(step[3], 2000, 200);
  EXPECT_NEAR(changed, 3000, 200);
}

}  // namespace
}  // namespace deneb::quant_ea
