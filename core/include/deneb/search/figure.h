#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// A line of a figure, whose points are joined in the order of x, or a set of points.
struct FigureSeries {
  std::string label;  ///< for the legend; unique within the figure
  /// (x, y). Points with a coordinate that is not finite, or beyond 1e100 in size, are not drawn.
  std::vector<std::pair<double, double>> points;
};

/// A chart of lines or points that a step wants to have in the report: plain data, all texts plain
/// text.
struct Figure {
  std::string name;              ///< unique within the step; a plain file name (io/files.h)
  std::string title;             ///< must not be empty
  std::string text;              ///< one or two sentences for the reader; may be empty
  std::string x_label, y_label;  ///< names of the axes; may be empty
  bool log_y = false;            ///< logarithmic y axis; linear all the same unless all y > 0
  /// Names of the places x = 0, 1, 2, ..., each once: layers, say. Every x is one of these places
  /// then. Empty: x is a number like y.
  std::vector<std::string> x_names;
  std::vector<FigureSeries> series;  ///< one or more; a series may be without points
  bool joined = true;                ///< false: single points, as where x and y are both measured
};

/// {"name", "title", "text", "x_label", "y_label", "log_y", "joined", "x_names": [...],
/// "series": [{"label", "points": [[x, y], ...]}]}; points that are not drawn are left out.
/// PluginError `figure 'name': what is wrong` for a figure that breaks the rules above.
DENEB_API nlohmann::ordered_json to_json(const Figure& figure);

/// The inverse. Only name, title and series must be there; unknown keys are ignored. DataError for
/// what is no such document or breaks the rules above; coordinates must be numbers up to 1e100.
DENEB_API Figure figure_from_json(const nlohmann::ordered_json& json);

/// A table of numbers that the report shows as colors, such as the damage of every layer (columns)
/// at every width (rows). All texts plain text.
struct HeatMap {
  std::string name;                  ///< unique among the step's heat maps; a plain file name
  std::string title;                 ///< must not be empty
  std::string text;                  ///< one or two sentences for the reader; may be empty
  std::string x_label, y_label;      ///< what the columns and the rows are; may be empty
  std::string value_label;           ///< what the numbers are: "rise of the loss"; may be empty
  std::vector<std::string> x_names;  ///< columns from the left, one or more, each once
  std::vector<std::string> y_names;  ///< rows from the top, one or more, each once
  /// values[row][column]. NaN = not measured; what is infinite or beyond 1e100 in size counts so.
  std::vector<std::vector<double>> values;
  bool log_color = false;       ///< logarithmic colors; linear all the same unless all values > 0
  bool lower_is_better = true;  ///< strong colors stand for bad values: for large ones here
};

/// {"name", "title", "text", "x_label", "y_label", "value_label", "x_names": [...], "y_names":
/// [...], "values": [[...], ...], "log_color", "lower_is_better"}; null in values = not measured.
/// PluginError `heat map 'name': what is wrong` for one that breaks the rules above.
DENEB_API nlohmann::ordered_json to_json(const HeatMap& map);

/// The inverse. Only name, title, both lists of names and values must be there; unknown keys are
/// ignored. DataError for what is no such document or breaks the rules above.
DENEB_API HeatMap heat_map_from_json(const nlohmann::ordered_json& json);

}  // namespace deneb
