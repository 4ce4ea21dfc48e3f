#include "indicator_figures.h"

#include <gmock/gmock.h>

namespace deneb::limpq {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(IndicatorFigures, ALinePerWidthOverTheLayers) {
  Indicators indicators;
  indicators.bits = {4, 2};
  indicators.layers = {{"conv1", {{4, 0.1}, {2, 0.5}}, {{4, 1}, {2, 3}}},
                       {"layer1.0.conv1", {{4, 0.2}, {2, 0.9}}, {{2, 7}}}};
  const std::vector<Figure> figures = indicator_figures(indicators);
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[0].title, "Importance of weights");
  EXPECT_EQ(figures[1].title, "Importance of activations");
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
}

}  // namespace
}  // namespace deneb::limpq
