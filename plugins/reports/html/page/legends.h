#pragma once

#include <string>
#include <utility>
#include <vector>

#include "charts/bits.h"
#include "charts/curves.h"

/// Legends of charts, as HTML.
namespace deneb::reports {

std::string scatter_legend(const StepData& step);
std::string bit_legend(const BitChart& chart);
/// `what` the curves are: "model ". Of the first chart: the others have the same curves.
std::string curve_legend(const std::vector<CurveChart>& charts, const std::string& what);
/// Lines of charts by their CSS classes, and what each is.
std::string series_legend(const std::vector<std::pair<std::string, std::string>>& series);
/// The scale of colors with its ends and its middle.
std::string heat_legend(const HeatMap& map);

}  // namespace deneb::reports
