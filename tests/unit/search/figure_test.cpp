#include <deneb/search/figure.h>
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

namespace deneb {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;

Figure sample() {
  Figure figure;
  figure.name = "weights";
  figure.title = "Importance of weights";
  figure.text = "What a layer loses.";
  figure.x_label = "layer";
  figure.y_label = "indicator";
  figure.log_y = true;
  figure.x_names = {"conv1", "fc"};
  figure.series = {{"4 bits", {{0, 0.1}, {1, 0.25}}}, {"2 bits", {{1, 3}}}};
  return figure;
}

std::string refusal(const std::function<void(Figure&)>& change) {
  Figure figure = sample();
  change(figure);
  try {
    to_json(figure);
  } catch (const PluginError& e) {
    return e.what();
  }
  return "accepted";
}

std::string refusal(const std::string& key, const ordered_json& value) {
  ordered_json json = to_json(sample());
  json[key] = value;
  try {
    figure_from_json(json);
  } catch (const DataError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Figure, AsJsonAndBack) {
  const ordered_json json = to_json(sample());
  EXPECT_EQ(json.dump(),
            R"({"name":"weights","title":"Importance of weights","text":"What a layer loses.",)"
            R"("x_label":"layer","y_label":"indicator","log_y":true,"x_names":["conv1","fc"],)"
            R"("series":[{"label":"4 bits","points":[[0.0,0.1],[1.0,0.25]]},)"
            R"({"label":"2 bits","points":[[1.0,3.0]]}]})");
  EXPECT_EQ(to_json(figure_from_json(json)), json);
  EXPECT_EQ(to_json(figure_from_json(ordered_json::parse(json.dump()))).dump(), json.dump());
}

TEST(Figure, NeedsOnlyNameTitleAndSeries) {
  const Figure figure = figure_from_json(ordered_json::parse(
      R"({"name":"a","title":"A","series":[{"label":"","points":[[-1.5,2]]}],"later":1})"));
  EXPECT_EQ(figure.text + figure.x_label + figure.y_label, "");
  EXPECT_FALSE(figure.log_y);
  EXPECT_TRUE(figure.x_names.empty());
  EXPECT_EQ(figure.series[0].points[0], std::make_pair(-1.5, 2.0));
}

TEST(Figure, LeavesOutPointsThatCannotBeDrawn) {
  Figure figure = sample();
  const double infinity = std::numeric_limits<double>::infinity();
  figure.series[0].points = {{0, std::nan("")}, {1, 2},        {0, infinity},
                             {0, -1.1e100},     {infinity, 1}, {std::nan(""), 1}};
  EXPECT_EQ(to_json(figure)["series"][0]["points"].dump(), "[[1.0,2.0]]");
}

TEST(Figure, RefusesWhatBreaksTheRules) {
  EXPECT_THAT(refusal([](Figure& f) { f.name = "../x"; }), HasSubstr("figure '../x': the name"));
  EXPECT_THAT(refusal([](Figure& f) { f.title = ""; }), HasSubstr("title is empty"));
  EXPECT_THAT(refusal([](Figure& f) { f.series.clear(); }), HasSubstr("no series"));
  EXPECT_THAT(refusal([](Figure& f) { f.series[1].label = "4 bits"; }), HasSubstr("'4 bits'"));
  EXPECT_THAT(refusal([](Figure& f) { f.x_names[1] = "conv1"; }), HasSubstr("'conv1' twice"));
  for (const double x : {-1.0, 0.5, 2.0}) {
    EXPECT_THAT(refusal([&](Figure& f) {
                  f.series[1].points = {{x, 1}};
                }),
                HasSubstr("whole numbers from 0 to 1"));
  }
  EXPECT_EQ(refusal([](Figure& f) {
              f.x_names.clear();
              f.series[1].points = {{-0.5, 1}};
            }),
            "accepted");
}

TEST(Figure, RefusesWhatIsNoFigure) {
  EXPECT_EQ(refusal("text", "another"), "accepted");
  EXPECT_THAT(refusal("name", 3), HasSubstr("figure ''"));
  EXPECT_THAT(refusal("title", ordered_json()), HasSubstr("figure 'weights'"));
  EXPECT_THAT(refusal("log_y", "yes"), HasSubstr("figure 'weights'"));
  EXPECT_THAT(refusal("x_names", {1, 2}), HasSubstr("figure 'weights'"));
  EXPECT_THAT(refusal("series", 1), HasSubstr("figure 'weights'"));
  for (const char* points : {"1", "[1,2]", "[[1]]", "[[0,null]]", "[[0,\"1\"]]", "[[0,1e101]]",
                             "[[2,1]]", "{\"0\":1}"}) {
    const auto series =
        ordered_json::array({{{"label", "a"}, {"points", ordered_json::parse(points)}}});
    EXPECT_THAT(refusal("series", series), HasSubstr("figure 'weights'")) << points;
  }
  EXPECT_THROW(figure_from_json(ordered_json::array()), DataError);
  EXPECT_THROW(figure_from_json({{"name", "a"}, {"title", "A"}}), DataError);
}

}  // namespace
}  // namespace deneb
