#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "task_data.h"

namespace deneb::reports {

/// Bits per layer of a policy.
struct BitRow {
  std::int64_t id = 0;
  std::string label;  ///< "12 · 91.2 % · 0.65 G"
  std::vector<LayerBits> layers;
  std::string tip = {};  ///< what it is, for tooltips; "" = "trial <id>"
};

struct BitChart {
  std::string title;
  std::vector<LayerFacts> layers;
  std::vector<BitRow> rows;
};

/// Members of the front, cheapest first: all, or as many as can be drawn, at even distances from
/// the cheapest to the most costly.
BitChart bits_of_front(const StepData& step);

/// A row of squares per policy, weights above activations.
std::string svg_bit_matrix(const BitChart& chart);
/// Bars of weight and activation bits of one policy, over the share of MACs of each layer.
std::string svg_bit_bars(const std::vector<LayerFacts>& layers, const BitRow& row);

/// CSS class suffix of a width: "1" .. "8", "16" for 9..16 bits, "32" for float, "0" for unknown.
std::string width_class(int bits);
/// What stands in a cell: "4", "e4m3", "f" for float32.
std::string width_text(const std::string& word, int bits);

}  // namespace deneb::reports
