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

std::string fault_of_head(const std::string& name, const std::string& title) {
  if (!is_plain_file_name(name)) return "the name must be letters, digits, '_', '-' and '.'";
  return title.empty() ? "the title is empty" : "";
}

/// A name that stands in the list twice, as a fault; "" = none.
std::string fault_of_names(const char* key, const std::vector<std::string>& names) {
  std::set<std::string> known;
  for (const std::string& name : names) {
    if (!known.insert(name).second) return std::string(key) + " has '" + name + "' twice";
  }
  return "";
}

std::string fault_of(const Figure& figure) {
  const std::string head = fault_of_head(figure.name, figure.title);
  if (!head.empty()) return head;
  if (figure.series.empty()) return "there is no series";
  const std::string twice = fault_of_names("x_names", figure.x_names);
  if (!twice.empty()) return twice;
  std::set<std::string> known;
  for (const FigureSeries& series : figure.series) {
    if (!known.insert(series.label).second)
      return "two series have the label '" + series.label + "'";
    const std::string fault = fault_of(series, figure.x_names.size());
    if (!fault.empty()) return fault;
  }
  return "";
}

std::string fault_of(const HeatMap& map) {
  const std::string head = fault_of_head(map.name, map.title);
  if (!head.empty()) return head;
  if (map.x_names.empty() || map.y_names.empty()) return "there are no columns or no rows";
  for (const std::string& twice :
       {fault_of_names("x_names", map.x_names), fault_of_names("y_names", map.y_names)}) {
    if (!twice.empty()) return twice;
  }
  if (map.values.size() != map.y_names.size()) {
    return "values has " + std::to_string(map.values.size()) + " rows, y_names " +
           std::to_string(map.y_names.size());
  }
  for (std::size_t row = 0; row < map.values.size(); ++row) {
    if (map.values[row].size() == map.x_names.size()) continue;
    return "row '" + map.y_names[row] + "' has " + std::to_string(map.values[row].size()) +
           " values, x_names " + std::to_string(map.x_names.size());
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

std::vector<double> row_of(const ordered_json& json) {
  if (!json.is_array()) {
    throw DataError("a row of values is no list but " + json.dump().substr(0, 80));
  }
  std::vector<double> row;
  for (const auto& item : json) {
    if (!item.is_null() && !(item.is_number() && is_drawn(item.get<double>()))) {
      throw DataError("a value is neither null nor a number up to 1e100: " +
                      item.dump().substr(0, 80));
    }
    row.push_back(item.is_null() ? std::nan("") : item.get<double>());
  }
  return row;
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
  return {{"name", figure.name},       {"title", figure.title},     {"text", figure.text},
          {"x_label", figure.x_label}, {"y_label", figure.y_label}, {"log_y", figure.log_y},
          {"joined", figure.joined},   {"x_names", figure.x_names}, {"series", all}};
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
    figure.joined = json.value("joined", true);
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

ordered_json to_json(const HeatMap& map) {
  const std::string fault = fault_of(map);
  if (!fault.empty()) throw PluginError("heat map '" + map.name + "': " + fault);
  auto rows = ordered_json::array();
  for (const auto& values : map.values) {
    auto row = ordered_json::array();
    for (const double value : values) {
      row.push_back(is_drawn(value) ? ordered_json(value) : ordered_json());
    }
    rows.push_back(std::move(row));
  }
  return {{"name", map.name},
          {"title", map.title},
          {"text", map.text},
          {"x_label", map.x_label},
          {"y_label", map.y_label},
          {"value_label", map.value_label},
          {"x_names", map.x_names},
          {"y_names", map.y_names},
          {"values", rows},
          {"log_color", map.log_color},
          {"lower_is_better", map.lower_is_better}};
}

HeatMap heat_map_from_json(const ordered_json& json) {
  HeatMap map;
  try {
    map.name = json.at("name").get<std::string>();
    map.title = json.at("title").get<std::string>();
    map.text = json.value("text", "");
    map.x_label = json.value("x_label", "");
    map.y_label = json.value("y_label", "");
    map.value_label = json.value("value_label", "");
    map.x_names = json.at("x_names").get<std::vector<std::string>>();
    map.y_names = json.at("y_names").get<std::vector<std::string>>();
    for (const auto& row : json.at("values")) map.values.push_back(row_of(row));
    map.log_color = json.value("log_color", false);
    map.lower_is_better = json.value("lower_is_better", true);
  } catch (const nlohmann::json::exception& e) {
    throw DataError("heat map '" + map.name + "': " + e.what());
  } catch (const DataError& e) {
    throw DataError("heat map '" + map.name + "': " + e.what());
  }
  const std::string fault = fault_of(map);
  if (!fault.empty()) throw DataError("heat map '" + map.name + "': " + fault);
  return map;
}

}  // namespace deneb
