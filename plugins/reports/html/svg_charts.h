#pragma once

#include <string>

#include "chart_data.h"

/// The charts as SVG, drawn here: nothing has to run in the browser.
namespace deneb::reports {

std::string svg_scatter(const Scatter& chart);
std::string svg_curves(const CurveChart& chart);
/// A row of squares per policy, weights above activations.
std::string svg_bit_matrix(const BitChart& chart);
/// Bars of weight and activation bits of one policy, over the share of MACs of each layer.
std::string svg_bit_bars(const BitChart& chart);

}  // namespace deneb::reports
