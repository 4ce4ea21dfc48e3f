#include "score_figures.h"

#include <gmock/gmock.h>

#include <cmath>

namespace deneb::searches {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ScoreFigures, ALinePerWidthOverTheLayers) {
  LayerScores scores;
  scores.layers = {{"conv1", {{"int4", 0.1}, {"int2", 0.5}}, {{"int4", 1}, {"int2", 3}}},
                   {"layer1.0.conv1", {{"int4", 0.2}, {"int2", 0.9}}, {{"uint2", 7}}}};
  const std::vector<Figure> figures = score_figures(scores);
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[0].title, "Scores of weights");
  EXPECT_EQ(figures[1].title, "Scores of activations");
  EXPECT_NE(figures[0].name, figures[1].name);
  for (const Figure& figure : figures) {
    EXPECT_THAT(figure.text, HasSubstr("loses much"));
    EXPECT_THAT(figure.x_names, ElementsAre("conv1", "layer1.0.conv1"));
    ASSERT_EQ(figure.series.size(), 2u);
    EXPECT_EQ(figure.series[0].label, "4 bits");
    EXPECT_EQ(figure.series[1].label, "2 bits");
    EXPECT_NO_THROW(to_json(figure));
  }
  EXPECT_THAT(figures[0].series[0].points, ElementsAre(Pair(0, 0.1), Pair(1, 0.2)));
  EXPECT_THAT(figures[0].series[1].points, ElementsAre(Pair(0, 0.5), Pair(1, 0.9)));
  // A width that a layer lacks is no point, and no reason to fail.
  EXPECT_THAT(figures[1].series[0].points, ElementsAre(Pair(0, 1)));
  EXPECT_THAT(figures[1].series[1].points, ElementsAre(Pair(0, 3), Pair(1, 7)));

  const std::vector<HeatMap> maps = score_heat_maps(scores);
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_THAT(maps[0].y_names, ElementsAre("4 bits", "2 bits"));
  EXPECT_THAT(maps[0].values[1], ElementsAre(0.5, 0.9));
  EXPECT_TRUE(std::isnan(maps[1].values[0][1]));
  EXPECT_NO_THROW(to_json(maps[1]));
}

}  // namespace
}  // namespace deneb::searches
