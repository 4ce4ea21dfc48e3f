#pragma once

#include <nlohmann/json.hpp>

#include "chart_data.h"

/// The charts as Vega-Lite specifications. Colors are variables of the page's style sheet.
namespace deneb::reports {

nlohmann::ordered_json vega_scatter(const Scatter& chart);
nlohmann::ordered_json vega_curves(const CurveChart& chart);
nlohmann::ordered_json vega_bit_matrix(const BitChart& chart);
nlohmann::ordered_json vega_bit_bars(const BitChart& chart);

}  // namespace deneb::reports
