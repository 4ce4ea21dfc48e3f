#include "charts/bits.h"

#include <algorithm>

#include "charts/layer_names.h"
#include "charts/svg.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

// So that the charts of bits stay below 2 MB on a page, whatever the network and the front.
constexpr std::size_t kMostCells = 2000, kFewestRows = 8, kMostRows = 40;

constexpr double kLaneNames = 130;  // left of the bars of one policy

/// Pixels of the texts left of the rows.
double label_width(const BitChart& chart) {
  std::size_t longest = 0;
  for (const BitRow& row : chart.rows) longest = std::max(longest, row.label.size());
  return 20 + 6.6 * double(longest);
}

std::string cell_tip(const LayerFacts& layer, const LayerBits& bits) {
  std::string text = layer.name + (layer.pinned ? " (pinned)" : "") + "\nweights " + bits.weight +
                     ", activations " + bits.activation;
  if (layer.macs > 0) {
    text += "\n" + si_text(layer.macs) + " MACs, " + si_text(layer.weights) + " weights";
  }
  return text;
}

void draw_matrix(Svg& svg, const BitChart& chart, bool weights, double left, double cell,
                 double top) {
  constexpr double kRow = 22;
  svg.text("name", 4, top - 8, "start", weights ? "Weights" : "Activations");
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    const BitRow& row = chart.rows[r];
    const double y = top + kRow * double(r);
    svg.text("tick", left - 10, y + 15, "end", row.label);
    for (std::size_t i = 0; i < chart.layers.size(); ++i) {
      const LayerBits& bits = row.layers[i];
      const int width = weights ? bits.weight_bits : bits.activation_bits;
      const std::string css = width_class(width);
      const double x = left + double(i) * cell;
      svg.tip((row.tip.empty() ? "trial " + std::to_string(row.id) : row.tip) + "\n" +
              cell_tip(chart.layers[i], bits));
      svg.rect("mark bit w" + css, x + 0.5, y + 0.5, cell - 1, kRow - 1, 2);
      svg.text("bit-text i" + css, x + cell / 2, y + 15, "middle",
               width_text(weights ? bits.weight : bits.activation, width));
    }
  }
}

/// A bar in a lane: its height out of `most`, and the text above it.
struct Bar {
  double value;
  std::string css, text;
};

struct Lane {
  std::string name;
  double top, height, most;
};

void draw_lane_axis(Svg& svg, const Lane& lane, double width) {
  const double bottom = lane.top + lane.height;
  svg.text("name", 4, lane.top + lane.height / 2 + 4, "start", lane.name);
  svg.line("axis", kLaneNames, bottom, kLaneNames + width, bottom);
}

void draw_bar(Svg& svg, const Lane& lane, const Bar& bar, double x, double cell) {
  const double bottom = lane.top + lane.height;
  const double size = lane.most > 0 ? std::max(1.0, (lane.height - 16) * bar.value / lane.most) : 1;
  svg.rect("mark " + bar.css, x + 0.14 * cell, bottom - size, 0.72 * cell, size, 2);
  svg.text("tick small", x + cell / 2, bottom - size - 4, "middle", bar.text);
}

BitRow bit_row(const StepData& step, const ResultRow& trial) {
  BitRow row;
  row.id = trial.id;
  row.label = std::to_string(trial.id);
  for (const Objective& objective : step.objectives) {
    const auto value = metric_of(trial, objective.name);
    if (value) row.label += " \xc2\xb7 " + metric_text(objective.name, *value);
  }
  row.layers = step.bits(trial);
  return row;
}

}  // namespace

BitChart bits_of_front(const StepData& step) {
  BitChart chart;
  chart.layers = step.layers;
  chart.title = "bits of weights and activations, layer by layer";
  const std::size_t fitting = kMostCells / std::max<std::size_t>(1, step.layers.size());
  const std::size_t most = std::clamp(fitting, kFewestRows, kMostRows);
  const std::size_t members = step.front.size(), rows = std::min(members, most);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t at = rows == members ? i : i * (members - 1) / (rows - 1);
    chart.rows.push_back(bit_row(step, *step.front[at]));
  }
  return chart;
}

std::string svg_bit_matrix(const BitChart& chart) {
  const double cell = cell_width(chart.layers.size());
  const double panel = 22 * double(chart.rows.size());
  const double left = label_width(chart);
  const double width = left + cell * double(chart.layers.size()) + kRightMargin;
  const double height = 30 + panel + 40 + panel + names_height(chart.layers);
  Svg svg(width, height, chart.title, false);
  draw_matrix(svg, chart, true, left, cell, 30);
  draw_matrix(svg, chart, false, left, cell, 30 + panel + 40);
  draw_layer_names(svg, chart.layers, left, cell, 30 + panel + 40 + panel);
  return svg.finish();
}

std::string svg_bit_bars(const std::vector<LayerFacts>& layers, const BitRow& row) {
  const double cell = cell_width(layers.size()), columns = cell * double(layers.size());
  Svg svg(kLaneNames + columns + kRightMargin, 330 + names_height(layers),
          "bits of trial " + row.label + ", layer by layer", false);
  double all_macs = 0, most_macs = 0;
  int most_bits = 8;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    all_macs += layers[i].macs;
    most_macs = std::max(most_macs, layers[i].macs);
    // float32 would dwarf all others: its bar ends at the top and says "f".
    for (const int bits : {row.layers[i].weight_bits, row.layers[i].activation_bits}) {
      if (bits < 32) most_bits = std::max(most_bits, bits);
    }
  }
  const Lane weights{"Weight bits", 8, 110, double(most_bits)};
  const Lane activations{"Activation bits", 128, 110, double(most_bits)};
  const Lane macs{"MACs, % of all", 248, 72, most_macs};
  draw_lane_axis(svg, weights, columns);
  draw_lane_axis(svg, activations, columns);
  if (all_macs > 0) draw_lane_axis(svg, macs, columns);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerBits& b = row.layers[i];
    const double x = kLaneNames + double(i) * cell;
    const auto bar = [&](int bits, const std::string& word) {
      return Bar{double(std::min(bits, most_bits)), "bit w" + width_class(bits),
                 width_text(word, bits)};
    };
    svg.begin_group(cell_tip(layers[i], b));
    draw_bar(svg, weights, bar(b.weight_bits, b.weight), x, cell);
    draw_bar(svg, activations, bar(b.activation_bits, b.activation), x, cell);
    if (all_macs > 0) {
      const double share = 100 * layers[i].macs / all_macs;
      draw_bar(svg, macs, {layers[i].macs, "share", fixed_text(share, share < 9.95 ? 1 : 0)}, x,
               cell);
    }
    svg.end_group();
  }
  draw_layer_names(svg, layers, kLaneNames, cell, 322);
  return svg.finish();
}

std::string width_class(int bits) {
  if (bits <= 0) return "0";
  if (bits <= 8) return std::to_string(bits);
  return bits <= 16 ? "16" : "32";
}

std::string width_text(const std::string& word, int bits) {
  if (bits == 0) return "?";
  if (bits == 32) return "f";
  return word.rfind('e', 0) == 0 ? word : std::to_string(bits);
}

}  // namespace deneb::reports
