#include "charts/layer_names.h"

#include <algorithm>

namespace deneb::reports {

std::vector<LayerFacts> named_columns(const StepData& step, const std::vector<std::string>& names) {
  std::vector<LayerFacts> columns;
  for (const std::string& name : names) {
    LayerFacts column;
    column.name = name;
    for (const LayerFacts& layer : step.layers) {
      if (layer.name == name) column = layer;
    }
    columns.push_back(column);
  }
  return columns;
}

double cell_width(std::size_t columns) {
  return std::clamp(860.0 / double(std::max<std::size_t>(1, columns)), 20.0, 46.0);
}

double names_height(const std::vector<LayerFacts>& columns) {
  std::size_t longest = 4;
  for (const LayerFacts& layer : columns) longest = std::max(longest, layer.name.size());
  return 24 + 5.6 * double(std::min<std::size_t>(longest, 40));
}

void draw_layer_names(Svg& svg, const std::vector<LayerFacts>& columns, double left, double cell,
                      double y) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const double x = left + (double(i) + 0.5) * cell;
    if (columns[i].pinned) {
      svg.tip("pinned: the search leaves this layer alone");
      svg.path("pin", "M" + coordinate(x) + " " + coordinate(y + 3) + "l4 4l-4 4l-4 -4z");
    }
    svg.text("tick mono", x + 4, y + 22, "end", columns[i].name, -55);
  }
}

double names_lean(const std::vector<LayerFacts>& columns, double cell) {
  double lean = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto letters = double(std::min<std::size_t>(columns[i].name.size(), 40));
    lean = std::max(lean, 4 + 3.9 * letters - (double(i) + 0.5) * cell);
  }
  return lean;
}

}  // namespace deneb::reports
