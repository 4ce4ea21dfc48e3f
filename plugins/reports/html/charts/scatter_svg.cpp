#include "charts/scatter.h"
#include "charts/svg.h"

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
  if (!point.row.empty()) svg.begin_link("#" + point.row);
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
  if (!point.row.empty()) svg.end_link();
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

}  // namespace deneb::reports
