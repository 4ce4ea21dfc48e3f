#include "charts/heat_map.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "charts/layer_names.h"
#include "charts/svg.h"
#include "text.h"

namespace deneb::reports {
namespace {

constexpr double kLetter = 6.7;           // of names at the left, and of values in cells
constexpr std::size_t kLongestName = 40;  // of rows, in letters
constexpr double kWideMap = 1100;         // the left names may be scrolled away: again at the right

/// Where the cells lie, in pixels.
struct HeatLayout {
  double left, top, cell, row;
  double names;  ///< height of the names of the columns
  bool flat;     ///< these names are short enough to stand upright
};

std::string row_name(const std::string& name) {
  return name.size() <= kLongestName ? name : "..." + name.substr(name.size() - kLongestName + 3);
}

double row_names_width(const HeatMap& map) {
  std::size_t longest = 0;
  for (const std::string& name : map.y_names) longest = std::max(longest, row_name(name).size());
  return 16 + kLetter * double(longest);
}

HeatLayout layout_of(const HeatMap& map, const std::vector<LayerFacts>& columns) {
  HeatLayout layout{};
  const auto count = double(columns.size());
  layout.cell = std::max(std::clamp(860.0 / count, 14.0, 60.0), 300.0 / count);
  layout.row = map.y_names.size() <= 60 ? 22 : 15;
  layout.top = map.y_label.empty() ? 8 : 28;
  layout.flat = std::all_of(columns.begin(), columns.end(), [&](const LayerFacts& column) {
    return !column.pinned && kLetter * double(column.name.size()) + 6 <= layout.cell;
  });
  layout.names = layout.flat ? 26 : names_height(columns);
  layout.left = std::max(row_names_width(map), 8 + 7 * double(map.y_label.size()));
  if (!layout.flat) layout.left = std::max(layout.left, names_lean(columns, layout.cell));
  return layout;
}

/// Two digits in at most six letters or so: what fits into a cell.
std::string cell_text(double value) {
  const double size = std::fabs(value);
  char text[32];
  if (value != 0 && (size < 0.001 || size >= 1e5)) {
    std::snprintf(text, sizeof(text), "%.1e", value);
    std::string number = text;  // 8.9e-04
    const std::size_t zeros = number.find_first_of("+-", number.find('e')) + 1;
    while (zeros + 1 < number.size() && number[zeros] == '0') number.erase(zeros, 1);
    return number;
  }
  std::snprintf(text, sizeof(text), size >= 100 ? "%.0f" : "%.2g", value);
  return text;
}

void draw_cells(Svg& svg, const HeatMap& map, const HeatLayout& layout) {
  const HeatScale scale = heat_scale(map);
  const double gap = layout.cell >= 16 ? 1 : 0;
  const bool texts = layout.cell >= 42 && layout.row >= 20;
  const bool tips = map.x_names.size() * map.y_names.size() <= kMostHeatTips;
  const std::string what = map.value_label.empty() ? "value" : map.value_label;
  for (std::size_t r = 0; r < map.y_names.size(); ++r) {
    const double y = layout.top + layout.row * double(r);
    for (std::size_t c = 0; c < map.x_names.size(); ++c) {
      const double value = map.values[r][c], x = layout.left + layout.cell * double(c);
      const bool known = is_measured(value);
      const int level = known ? scale.level(value) : 0;
      if (tips) {
        svg.tip(map.x_names[c] + ", " + map.y_names[r] + "\n" +
                (known ? what + ": " + si_text(value) : "not measured"));
      }
      svg.rect("mark " + (known ? "h" + std::to_string(level) : std::string("hnone")), x + gap / 2,
               y + gap / 2, layout.cell - gap, layout.row - gap);
      if (!known || !texts) continue;
      svg.text(2 * level < HeatScale::kLevels ? "bit-text weak" : "bit-text strong",
               x + layout.cell / 2, y + 15, "middle", cell_text(value));
    }
  }
}

}  // namespace

bool is_measured(double value) { return std::fabs(value) <= 1e100; }

int HeatScale::level(double value) const {
  if (!(high > low)) return 0;
  const double share =
      logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  const double strength = std::clamp(lower_is_better ? share : 1 - share, 0.0, 1.0);
  return static_cast<int>(std::lround(strength * (kLevels - 1)));
}

double HeatScale::middle() const {
  return logarithmic ? std::sqrt(low) * std::sqrt(high) : low / 2 + high / 2;
}

HeatScale heat_scale(const HeatMap& map) {
  HeatScale scale;
  scale.lower_is_better = map.lower_is_better;
  for (const auto& row : map.values) {
    for (const double value : row) {
      if (!is_measured(value)) continue;
      scale.low = scale.empty ? value : std::min(scale.low, value);
      scale.high = scale.empty ? value : std::max(scale.high, value);
      scale.empty = false;
    }
  }
  // Below, the ratio of two values may overflow.
  scale.logarithmic = map.log_color && scale.low >= 1e-100;
  return scale;
}

std::string svg_heat_map(const StepData& step, const HeatMap& map) {
  const std::vector<LayerFacts> columns = named_columns(step, map.x_names);
  const HeatLayout layout = layout_of(map, columns);
  const double right = layout.left + layout.cell * double(columns.size());
  const double bottom = layout.top + layout.row * double(map.y_names.size());
  const bool wide = right > kWideMap;
  const double margin = wide ? std::max(kRightMargin, row_names_width(map)) : kRightMargin;
  const double height = bottom + layout.names + (map.x_label.empty() ? 0 : 22);
  Svg svg(right + margin, height, map.title, false);
  if (!map.y_label.empty()) svg.text("name", 4, 16, "start", map.y_label);
  for (std::size_t r = 0; r < map.y_names.size(); ++r) {
    const double y = layout.top + layout.row * (double(r) + 0.5) + 4;
    const std::string name = row_name(map.y_names[r]);
    svg.text("tick mono", layout.left - 8, y, "end", name);
    if (wide) svg.text("tick mono", right + 8, y, "start", name);
  }
  draw_cells(svg, map, layout);
  if (layout.flat) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      svg.text("tick mono", layout.left + layout.cell * (double(c) + 0.5), bottom + 18, "middle",
               columns[c].name);
    }
  } else {
    draw_layer_names(svg, columns, layout.left, layout.cell, bottom);
  }
  svg.text("name", (layout.left + right) / 2, height - 8, "middle", map.x_label);
  return svg.finish();
}

}  // namespace deneb::reports
