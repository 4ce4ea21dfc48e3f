#include "svg_charts.h"

#include <algorithm>
#include <cmath>

#include "svg.h"
#include "text.h"

namespace deneb::reports {
namespace {

using Kind = ScatterPoint::Kind;

void draw_cross(Svg& svg, const std::string& css, double x, double y, double r) {
  svg.path(css, "M" + coordinate(x - r) + " " + coordinate(y - r) + "L" + coordinate(x + r) + " " +
                    coordinate(y + r) + "M" + coordinate(x - r) + " " + coordinate(y + r) + "L" +
                    coordinate(x + r) + " " + coordinate(y - r));
}

void draw_point(Svg& svg, const Frame& frame, const ScatterPoint& point) {
  const double x = frame.x(point.x), y = frame.y(point.y);
  svg.begin_link("#" + point.row);
  svg.tip(point.tooltip);
  switch (point.kind) {
    case Kind::kFailed:
      draw_cross(svg, "mark failed", x, y, 4.5);
      break;
    case Kind::kBaseline:
      svg.rect("mark baseline", x - 5, y - 5, 10, 10);
      break;
    case Kind::kFront:
      svg.circle("mark front", x, y, 5.5);
      break;
    case Kind::kTrial:
      svg.circle("mark trial", x, y, 4);
      break;
  }
  svg.end_link();
}

/// Horizontal and vertical pieces: between two members the front reaches what the cheaper one does.
void draw_front(Svg& svg, const Frame& frame, const Scatter& chart) {
  if (chart.front.size() < 2) return;
  std::string data;
  double last_x = 0, last_y = 0;
  for (const auto& [vx, vy] : chart.front) {
    const double x = frame.x(vx), y = frame.y(vy);
    if (!data.empty()) {
      data += chart.x.minimize ? "L" + coordinate(x) + " " + coordinate(last_y)
                               : "L" + coordinate(last_x) + " " + coordinate(y);
    }
    data += (data.empty() ? "M" : "L") + coordinate(x) + " " + coordinate(y);
    last_x = x;
    last_y = y;
  }
  svg.path("front-line", data);
}

std::string color_class(std::size_t index) { return "c" + std::to_string(index % 8); }

constexpr double kRightMargin = 46;  // turned layer names lean over the edge

double names_height(const std::vector<LayerFacts>& layers) {
  std::size_t longest = 4;
  for (const LayerFacts& layer : layers) longest = std::max(longest, layer.name.size());
  return 24 + 5.6 * double(std::min<std::size_t>(longest, 40));
}

/// Names below the columns, which begin at `left`; pinned layers with a diamond.
void draw_layer_names(Svg& svg, const std::vector<LayerFacts>& layers, double left, double cell,
                      double y) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double x = left + (double(i) + 0.5) * cell;
    if (layers[i].pinned) {
      svg.tip("pinned: the search leaves this layer alone");
      svg.path("pin", "M" + coordinate(x) + " " + coordinate(y + 3) + "l4 4l-4 4l-4 -4z");
    }
    svg.text("tick mono", x + 4, y + 22, "end", layers[i].name, -55);
  }
}

/// What the names need left of the first column: they lean that way.
double names_lean(const std::vector<LayerFacts>& layers, double cell) {
  double lean = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto letters = double(std::min<std::size_t>(layers[i].name.size(), 40));
    lean = std::max(lean, 4 + 3.9 * letters - (double(i) + 0.5) * cell);
  }
  return lean;
}

void draw_curves(Svg& svg, const Frame& frame, const CurveChart& chart) {
  for (std::size_t i = 0; i < chart.curves.size(); ++i) {
    const Curve& curve = chart.curves[i];
    std::string data;
    for (const auto& [x, y] : curve.points) {
      data += (data.empty() ? "M" : "L") + coordinate(frame.x(x)) + " " + coordinate(frame.y(y));
    }
    svg.tip(curve.label);
    svg.path("mark curve " + color_class(i) + (curve.baseline ? " dashed" : ""), data);
    // Dots that would touch each other tell less than the line.
    if (15 * double(curve.points.size()) > frame.right - frame.left) continue;
    for (const auto& point : curve.points) {
      svg.tip(point_tip(chart, curve, point));
      svg.circle("mark dot " + color_class(i), frame.x(point.first), frame.y(point.second), 2.6);
    }
  }
}

/// Curves over named places. Keeps its size, as the charts of bits do.
std::string svg_curves_over_places(const CurveChart& chart) {
  constexpr double kTop = 14, kPlot = 300;
  const double cell = place_width(chart.places.size());
  const double left = std::max(78.0, names_lean(chart.places, cell));
  const double right = left + cell * double(chart.places.size());
  const double bottom = kTop + kPlot;
  const double height = bottom + names_height(chart.places) + (chart.x.label.empty() ? 0 : 22);
  Svg svg(right + kRightMargin, height, chart.title, false);
  const Frame frame{left, kTop, right, bottom, {chart.x, left, right}, {chart.y, bottom, kTop}};
  for (std::size_t i = 0; i < chart.places.size(); ++i) {
    svg.line("grid", frame.x(double(i)), kTop, frame.x(double(i)), bottom);
  }
  draw_y_axis(svg, frame);
  draw_layer_names(svg, chart.places, left, cell, bottom);
  svg.text("name", (left + right) / 2, height - 8, "middle", chart.x.label);
  draw_curves(svg, frame, chart);
  return svg.finish();
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
      svg.tip("trial " + std::to_string(row.id) + "\n" + cell_tip(chart.layers[i], bits));
      svg.rect("mark bit w" + css, x + 0.5, y + 0.5, cell - 1, kRow - 1, 2);
      svg.text("bit-text i" + css, x + cell / 2, y + 15, "middle",
               width_text(weights ? bits.weight : bits.activation, width));
    }
  }
}

/// One lane of bars. `values` are drawn up from the lane's bottom, `texts` above them.
struct Bar {
  double value;
  std::string css, text, tip;
};
void draw_lane(Svg& svg, const std::string& name, const std::vector<Bar>& bars, double most,
               double cell, double top, double height) {
  const double bottom = top + height;
  svg.text("name", 4, top + height / 2 + 4, "start", name);
  svg.line("axis", kLaneNames, bottom, kLaneNames + cell * double(bars.size()), bottom);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double x = kLaneNames + double(i) * cell;
    const double size = most > 0 ? std::max(1.0, (height - 16) * bars[i].value / most) : 1;
    svg.tip(bars[i].tip);
    svg.rect("mark " + bars[i].css, x + 0.14 * cell, bottom - size, 0.72 * cell, size, 2);
    svg.text("tick small", x + cell / 2, bottom - size - 4, "middle", bars[i].text);
  }
}

}  // namespace

std::string svg_scatter(const Scatter& chart) {
  Svg svg(760, 430, chart.title, true);
  const Frame frame = draw_frame(svg, chart.x, chart.y, 760, 430, chart.x.metric.empty());
  draw_front(svg, frame, chart);
  for (const ScatterPoint& point : chart.points) draw_point(svg, frame, point);
  for (const ScatterPoint& point : chart.points) {
    if (point.label.empty()) continue;
    const double x = frame.x(point.x), y = frame.y(point.y) - 6;
    const bool at_edge = x + 9 + 7.0 * double(point.label.size()) > frame.right;
    svg.text("mark-label", at_edge ? x - 9 : x + 9, y, at_edge ? "end" : "start", point.label);
  }
  return svg.finish();
}

std::string svg_curves(const CurveChart& chart) {
  if (!chart.places.empty()) return svg_curves_over_places(chart);
  const double width = chart.wide ? 760 : 560, height = chart.wide ? 430 : 340;
  Svg svg(width, height, chart.title, true);
  draw_curves(svg, draw_frame(svg, chart.x, chart.y, width, height, chart.whole), chart);
  return svg.finish();
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

std::string svg_bit_bars(const BitChart& chart) {
  const BitRow& row = chart.rows.front();
  const double cell = cell_width(chart.layers.size());
  const double width = kLaneNames + cell * double(chart.layers.size()) + kRightMargin;
  Svg svg(width, 330 + names_height(chart.layers), chart.title, false);
  double all_macs = 0, most_macs = 0;
  int most_bits = 8;
  for (std::size_t i = 0; i < chart.layers.size(); ++i) {
    all_macs += chart.layers[i].macs;
    most_macs = std::max(most_macs, chart.layers[i].macs);
    // float32 would dwarf all others: its bar ends at the top and says "f".
    for (const int bits : {row.layers[i].weight_bits, row.layers[i].activation_bits}) {
      if (bits < 32) most_bits = std::max(most_bits, bits);
    }
  }
  std::vector<Bar> weights, activations, macs;
  for (std::size_t i = 0; i < chart.layers.size(); ++i) {
    const LayerBits& b = row.layers[i];
    const std::string tip = cell_tip(chart.layers[i], b);
    const auto bar = [&](int bits, const std::string& word) {
      return Bar{double(std::min(bits, most_bits)), "bit w" + width_class(bits),
                 width_text(word, bits), tip};
    };
    weights.push_back(bar(b.weight_bits, b.weight));
    activations.push_back(bar(b.activation_bits, b.activation));
    const double share = all_macs > 0 ? 100 * chart.layers[i].macs / all_macs : 0;
    macs.push_back({chart.layers[i].macs, "share", fixed_text(share, share < 9.95 ? 1 : 0), tip});
  }
  draw_lane(svg, "Weight bits", weights, most_bits, cell, 8, 110);
  draw_lane(svg, "Activation bits", activations, most_bits, cell, 128, 110);
  if (all_macs > 0) draw_lane(svg, "MACs, % of all", macs, most_macs, cell, 248, 72);
  draw_layer_names(svg, chart.layers, kLaneNames, cell, 322);
  return svg.finish();
}

}  // namespace deneb::reports
