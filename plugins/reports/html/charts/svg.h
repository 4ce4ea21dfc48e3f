#pragma once

#include <string>
#include <utility>
#include <vector>

#include "charts/axis.h"

namespace deneb::reports {

/// A growing SVG element. Colors come from the page's style sheet through the classes, so that
/// charts follow its light and dark form. All texts are escaped here.
class Svg {
 public:
  /// `label`: what the chart shows, for screen readers.
  /// `fluid`: scales with the page; otherwise it keeps its size in pixels (its box scrolls).
  Svg(double width, double height, const std::string& label, bool fluid);

  /// The next element gets this native tooltip.
  Svg& tip(const std::string& text);
  /// Elements up to end_link() lead to `target` ("#row").
  void begin_link(const std::string& target);
  void end_link();

  /// Elements up to end_group() share a native tooltip.
  void begin_group(const std::string& tip);
  void end_group();

  void rect(const std::string& css, double x, double y, double width, double height,
            double radius = 0);
  void line(const std::string& css, double x1, double y1, double x2, double y2);
  void circle(const std::string& css, double x, double y, double radius);
  /// `data`: the attribute d, from numbers of ours.
  void path(const std::string& css, const std::string& data);
  /// `anchor`: start, middle or end. `turn`: degrees about (x, y).
  void text(const std::string& css, double x, double y, const std::string& anchor,
            const std::string& words, double turn = 0);

  std::string finish();

 private:
  void element(const std::string& open);
  std::string out_, tip_;
};

/// Coordinates with at most two decimals.
std::string coordinate(double value);

/// An axis in pixels.
struct Scale {
  Axis axis;
  double from = 0, to = 1;
  double operator()(double value) const { return from + axis.share(value) * (to - from); }
};

/// The box of a chart with both axes, its grid and its names.
struct Frame {
  double left, top, right, bottom;  ///< of the plot, in pixels
  Scale x, y;
};
Frame draw_frame(Svg& svg, const Axis& x, const Axis& y, double width, double height,
                 bool whole_numbers);
/// Of a frame: the y axis with its grid and its name, and the line of the x axis.
void draw_y_axis(Svg& svg, const Frame& frame);

}  // namespace deneb::reports
