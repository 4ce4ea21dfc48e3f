#include <deneb/search/figure.h>

#include <cmath>
#include <set>

#include <deneb/io/files.h>

namespace deneb {
namespace {

using nlohmann::ordered_json;

// Far from overflow in whatever a chart computes, and beyond anything worth drawing.
constexpr double kLargest = 1e100;

// False for NaN.
bool is_drawn(double value) { return std::fabs(value) <= kLargest; }
bool is_drawn(const std::pair<double, double>& point) {
  return is_drawn(point.first) && is_drawn(point.second);
}

/// What is wrong with a series; "" = nothing.
std::string fault_of(const FigureSeries& series, std::size_t places) {
  for (const auto& point : series.points) {
    if (places == 0 || !is_drawn(point)) continue;
    const double x = point.first;
    if (x < 0 || x >= double(places) || x != std::floor(x)) {
      return "series '" + series.label + "' has a point at x = " + ordered_json(x).dump() +
             ", but the places of x_names are the whole numbers from 0 to " +
             std::to_string(places - 1);
    }
  }
  return "";
}

std::string fault_of(const Figure& figure) {
  if (!is_plain_file_name(figure.name)) {
    return "the name must be letters, digits, '_', '-' and '.'";
  }
  if (figure.title.empty()) return "the title is empty";
  if (figure.series.empty()) return "there is no series";
  std::set<std::string> known;
  for (const std::string& name : figure.x_names) {
    if (!known.insert(name).second) return "x_names has '" + name + "' twice";
  }
  known.clear();
  for (const FigureSeries& series : figure.series) {
    if (!known.insert(series.label).second)
      return "two series have the label '" + series.label + "'";
    const std::string fault = fault_of(series, figure.x_names.size());
    if (!fault.empty()) return fault;
  }
  return "";
}

std::pair<double, double> point_of(const ordered_json& json) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number() || !json[1].is_number()) {
    throw DataError("a point is no pair of numbers but " + json.dump().substr(0, 80));
  }
  const std::pair<double, double> point(json[0].get<double>(), json[1].get<double>());
  if (!is_drawn(point)) throw DataError("a coordinate is beyond 1e100: " + json.dump());
  return point;
}

FigureSeries series_of(const ordered_json& json) {
  FigureSeries series;
  series.label = json.at("label").get<std::string>();
  for (const auto& point : json.at("points")) series.points.push_back(point_of(point));
  return series;
}

}  // namespace

ordered_json to_json(const Figure& figure) {
  const std::string fault = fault_of(figure);
  if (!fault.empty()) throw PluginError("figure '" + figure.name + "': " + fault);
  auto all = ordered_json::array();
  for (const FigureSeries& series : figure.series) {
    auto points = ordered_json::array();
    for (const auto& point : series.points) {
      if (is_drawn(point)) points.push_back(ordered_json::array({point.first, point.second}));
    }
    all.push_back({{"label", series.label}, {"points", points}});
  }
  return {{"name", figure.name},       {"title", figure.title},
          {"text", figure.text},       {"x_label", figure.x_label},
          {"y_label", figure.y_label}, {"log_y", figure.log_y},
          {"x_names", figure.x_names}, {"series", all}};
}

Figure figure_from_json(const ordered_json& json) {
  Figure figure;
  try {
    figure.name = json.at("name").get<std::string>();
    figure.title = json.at("title").get<std::string>();
    figure.text = json.value("text", "");
    figure.x_label = json.value("x_label", "");
    figure.y_label = json.value("y_label", "");
    figure.log_y = json.value("log_y", false);
    figure.x_names = json.value("x_names", std::vector<std::string>());
    for (const auto& series : json.at("series")) figure.series.push_back(series_of(series));
  } catch (const nlohmann::json::exception& e) {
    throw DataError("figure '" + figure.name + "': " + e.what());
  } catch (const DataError& e) {
    throw DataError("figure '" + figure.name + "': " + e.what());
  }
  const std::string fault = fault_of(figure);
  if (!fault.empty()) throw DataError("figure '" + figure.name + "': " + fault);
  return figure;
}

}  // namespace deneb
