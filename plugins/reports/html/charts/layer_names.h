#pragma once

#include <vector>

#include "charts/svg.h"
#include "task_data.h"

/// Columns of a chart that are named below it, in a slant: layers as a rule.
namespace deneb::reports {

/// Names as layers of the step, where they are such: pinned ones get their mark.
std::vector<LayerFacts> named_columns(const StepData& step, const std::vector<std::string>& names);

/// Pixels that a column takes: 20 to 46, so that few fill the page and many can be read.
double cell_width(std::size_t columns);

constexpr double kRightMargin = 46;  ///< slanted names lean over the edge
/// What the names need below the columns, and left of the first column.
double names_height(const std::vector<LayerFacts>& columns);
double names_lean(const std::vector<LayerFacts>& columns, double cell);

/// Draws the names below the columns, which begin at `left`; pinned layers with a diamond.
void draw_layer_names(Svg& svg, const std::vector<LayerFacts>& columns, double left, double cell,
                      double y);

}  // namespace deneb::reports
