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
            R"("x_label":"layer","y_label":"indicator","log_y":true,"joined":true,)"
            R"("x_names":["conv1","fc"],)"
            R"("series":[{"label":"4 bits","points":[[0.0,0.1],[1.0,0.25]]},)"
            R"({"label":"2 bits","points":[[1.0,3.0]]}]})");
  EXPECT_EQ(to_json(figure_from_json(json)), json);
  Figure single = sample();
  single.joined = false;
  EXPECT_FALSE(figure_from_json(to_json(single)).joined);
  EXPECT_EQ(to_json(figure_from_json(ordered_json::parse(json.dump()))).dump(), json.dump());
}

TEST(Figure, NeedsOnlyNameTitleAndSeries) {
  const Figure figure = figure_from_json(ordered_json::parse(
      R"({"name":"a","title":"A","series":[{"label":"","points":[[-1.5,2]]}],"later":1})"));
  EXPECT_EQ(figure.text + figure.x_label + figure.y_label, "");
  EXPECT_FALSE(figure.log_y);
  EXPECT_TRUE(figure.joined);
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

HeatMap sample_map() {
  HeatMap map;
  map.name = "damage";
  map.title = "Damage by layer";
  map.text = "Alone at that width.";
  map.x_label = "layer";
  map.y_label = "width";
  map.value_label = "rise of the loss";
  map.x_names = {"conv1", "layer1", "fc"};
  map.y_names = {"int4", "int2"};
  map.values = {{0.5, 0.25, std::nan("")}, {2, 1, -3}};
  map.log_color = true;
  return map;
}

template <class Change>
std::string map_refusal(Change&& change) {
  HeatMap map = sample_map();
  change(map);
  try {
    to_json(map);
  } catch (const PluginError& e) {
    return e.what();
  }
  return "accepted";
}

std::string map_refusal(const std::string& key, const ordered_json& value) {
  ordered_json json = to_json(sample_map());
  json[key] = value;
  try {
    heat_map_from_json(json);
  } catch (const DataError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(HeatMap, AsJsonAndBack) {
  const ordered_json json = to_json(sample_map());
  EXPECT_EQ(
      json.dump(),
      R"({"name":"damage","title":"Damage by layer","text":"Alone at that width.",)"
      R"("x_label":"layer","y_label":"width","value_label":"rise of the loss",)"
      R"("x_names":["conv1","layer1","fc"],"y_names":["int4","int2"],)"
      R"("values":[[0.5,0.25,null],[2.0,1.0,-3.0]],"log_color":true,"lower_is_better":true})");
  const HeatMap read = heat_map_from_json(ordered_json::parse(json.dump()));
  EXPECT_TRUE(std::isnan(read.values[0][2]));
  EXPECT_EQ(to_json(read).dump(), json.dump());
}

TEST(HeatMap, NeedsOnlyNamesTitleAndValues) {
  const HeatMap map = heat_map_from_json(ordered_json::parse(
      R"({"name":"a","title":"A","x_names":["b"],"y_names":["c"],"values":[[3]],"later":1})"));
  EXPECT_EQ(map.text + map.x_label + map.y_label + map.value_label, "");
  EXPECT_FALSE(map.log_color);
  EXPECT_TRUE(map.lower_is_better);
  EXPECT_EQ(map.values, (std::vector<std::vector<double>>{{3}}));
}

TEST(HeatMap, WritesNullForWhatCannotBeDrawn) {
  HeatMap map = sample_map();
  map.values[1] = {std::numeric_limits<double>::infinity(), -1.1e100, 1e100};
  EXPECT_EQ(to_json(map)["values"][1].dump(), "[null,null,1e+100]");
}

TEST(HeatMap, RefusesWhatBreaksTheRules) {
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.name = ""; }), HasSubstr("heat map '': the name"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.title = ""; }), HasSubstr("title is empty"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.x_names.clear(); }), HasSubstr("no columns"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.y_names.clear(); }), HasSubstr("no rows"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.x_names[2] = "conv1"; }),
              HasSubstr("x_names has 'conv1' twice"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.y_names[1] = "int4"; }),
              HasSubstr("y_names has 'int4' twice"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.values.pop_back(); }),
              HasSubstr("values has 1 rows, y_names 2"));
  EXPECT_THAT(map_refusal([](HeatMap& m) { m.values[1].push_back(1); }),
              HasSubstr("row 'int2' has 4 values, x_names 3"));
}

TEST(HeatMap, RefusesWhatIsNoHeatMap) {
  EXPECT_EQ(map_refusal("text", "another"), "accepted");
  EXPECT_THAT(map_refusal("name", 3), HasSubstr("heat map ''"));
  EXPECT_THAT(map_refusal("title", ""), HasSubstr("heat map 'damage': the title"));
  EXPECT_THAT(map_refusal("log_color", 1), HasSubstr("heat map 'damage'"));
  EXPECT_THAT(map_refusal("x_names", "abc"), HasSubstr("heat map 'damage'"));
  for (const char* values : {"3", "[1,2]", "[[1,2,3]]", "[[1,2],[1,2]]", "[[1,2,3],[1,2,\"3\"]]",
                             "[[1,2,3],[1,2,1e101]]"}) {
    EXPECT_THAT(map_refusal("values", ordered_json::parse(values)), HasSubstr("heat map 'damage'"))
        << values;
  }
  EXPECT_THROW(heat_map_from_json(ordered_json::array()), DataError);
  EXPECT_THROW(heat_map_from_json({{"name", "a"}, {"title", "A"}}), DataError);
}

}  // namespace
}  // namespace deneb
