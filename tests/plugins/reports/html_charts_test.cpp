#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <set>

#include "charts/heat_map.h"
#include "charts/thin.h"

namespace deneb::reports {
namespace {

using testing::ElementsAre;

TEST(Thin, FewMarksStayAllOfThem) {
  const std::vector<PlotMark> marks(5);
  EXPECT_THAT(thin(marks, 5), ElementsAre(0, 1, 2, 3, 4));
}

TEST(Thin, OneOfThoseThatCoverEachOther) {
  // Two places; the second place has two groups.
  std::vector<PlotMark> marks;
  for (int i = 0; i < 4; ++i) marks.push_back({10, 10, 0, false});
  for (int i = 0; i < 4; ++i) marks.push_back({50, 50, i % 2, false});
  EXPECT_THAT(thin(marks, 3), ElementsAre(0, 4, 5));
  marks[6].keep = true;
  EXPECT_THAT(thin(marks, 4), ElementsAre(0, 4, 5, 6));
}

TEST(Thin, KeepsShapeAndExtremes) {
  std::mt19937_64 rng(3);
  const auto unit = [&] { return double(rng() >> 11) / 9007199254740992.0; };
  std::vector<PlotMark> marks;
  for (int i = 0; i < 50000; ++i) {  // a ring
    const double turn = 6.283185307179586 * unit(), radius = 100 + 30 * unit();
    marks.push_back({300 + radius * std::cos(turn), 150 + radius * std::sin(turn), 0, false});
  }
  for (const std::size_t at : {7u, 12345u, 49999u}) marks[at].keep = true;
  marks[20000].x = 590;  // far out
  marks[20001].y = 1;
  const auto chosen = thin(marks, 800);
  EXPECT_LE(chosen.size(), 800u);
  EXPECT_GT(chosen.size(), 400u);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  const std::set<std::size_t> set(chosen.begin(), chosen.end());
  for (const std::size_t at : {7u, 12345u, 49999u, 20000u, 20001u}) EXPECT_EQ(set.count(at), 1u);
  // Wherever marks were, there is one within a few pixels.
  for (std::size_t i = 0; i < marks.size(); i += 97) {
    double nearest = 1e9;
    for (const std::size_t at : chosen) {
      nearest = std::min(nearest, std::hypot(marks[i].x - marks[at].x, marks[i].y - marks[at].y));
    }
    EXPECT_LT(nearest, 16) << i;
  }
  EXPECT_EQ(thin(marks, 800), chosen);
}

TEST(ThinLines, KeepsPeaksAndEnds) {
  Figure figure;
  figure.text = "A text.";
  figure.series = {{"long", {}}, {"short", {{0, 1}, {1, 2}}}};
  auto& points = figure.series[0].points;
  for (int i = 0; i < 30000; ++i) points.emplace_back(i, std::sin(0.01 * i));
  points[12345].second = 9;
  points[23456].second = -9;
  const auto first = points.front(), last = points.back();
  std::reverse(points.begin(), points.end());
  thin_lines(figure);
  EXPECT_LE(points.size(), kLinePoints);
  EXPECT_GT(points.size(), kLinePoints / 2);
  EXPECT_EQ(points.front(), first);
  EXPECT_EQ(points.back(), last);
  EXPECT_THAT(points, testing::Contains(std::make_pair(12345.0, 9.0)));
  EXPECT_THAT(points, testing::Contains(std::make_pair(23456.0, -9.0)));
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end()));
  EXPECT_EQ(figure.series[1].points.size(), 2u);
  EXPECT_THAT(figure.text, testing::StartsWith("A text. Of a line of more than 1000 points"));
}

HeatMap map_of(std::vector<double> values, bool logarithmic, bool lower_is_better) {
  HeatMap map;
  map.values = {std::move(values)};
  map.log_color = logarithmic;
  map.lower_is_better = lower_is_better;
  return map;
}

TEST(HeatScale, EvenSteps) {
  const HeatScale linear = heat_scale(map_of({0, 3, std::nan(""), 1}, false, true));
  EXPECT_EQ(linear.low, 0);
  EXPECT_EQ(linear.high, 3);
  EXPECT_EQ(linear.middle(), 1.5);
  EXPECT_EQ(linear.level(0), 0);
  EXPECT_EQ(linear.level(1), 5);
  EXPECT_EQ(linear.level(3), 15);
  const HeatScale logarithmic = heat_scale(map_of({1, 1000, 10}, true, true));
  EXPECT_NEAR(logarithmic.middle(), std::sqrt(1000.0), 1e-9);
  EXPECT_EQ(logarithmic.level(10), 5);
  EXPECT_EQ(logarithmic.level(1000), 15);
}

TEST(HeatScale, StrongColorsAreForBadValues) {
  const HeatScale accuracy = heat_scale(map_of({0.5, 0.8}, false, false));
  EXPECT_EQ(accuracy.level(0.5), 15);
  EXPECT_EQ(accuracy.level(0.8), 0);
}

TEST(HeatScale, DifficultValues) {
  EXPECT_TRUE(heat_scale(map_of({std::nan("")}, true, true)).empty);
  const HeatScale same = heat_scale(map_of({2, 2}, true, true));
  EXPECT_FALSE(same.empty);
  EXPECT_EQ(same.level(2), 0);
  EXPECT_FALSE(heat_scale(map_of({0, 1}, true, true)).logarithmic);
  EXPECT_FALSE(heat_scale(map_of({-1, 1}, true, true)).logarithmic);
  const HeatScale wide = heat_scale(map_of({-1e100, 1e100}, false, true));
  EXPECT_EQ(wide.level(-1e100), 0);
  EXPECT_EQ(wide.level(1e100), 15);
  const HeatScale far = heat_scale(map_of({1e-100, 1e100}, true, true));
  EXPECT_NEAR(far.level(1), 7.5, 0.6);
  EXPECT_EQ(far.level(1e100), 15);
}

}  // namespace
}  // namespace deneb::reports
