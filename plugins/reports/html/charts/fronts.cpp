#include "charts/fronts.h"

#include <algorithm>

#include "charts/svg.h"

namespace deneb::reports {
namespace {

constexpr double kFrontWidth = 760, kFrontHeight = 430;

/// Ascending by x; what no other point beats.
std::vector<const FrontLine::Point*> front_of(const FrontChart& chart, const FrontLine& line) {
  std::vector<const FrontLine::Point*> order;
  for (const FrontLine::Point& point : line.points) order.push_back(&point);
  const auto better = [&](double a, double b) { return chart.y.minimize ? a < b : a > b; };
  std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    return a->x < b->x || (a->x == b->x && better(a->y, b->y));
  });
  std::vector<const FrontLine::Point*> front;
  for (const auto* point : order) {
    if (front.empty() || better(point->y, front.back()->y)) front.push_back(point);
  }
  return front;
}

void draw_front_line(Svg& svg, const Frame& frame, const FrontChart& chart, const FrontLine& line) {
  const std::string css = series_class(line.series);
  std::string data;
  double last = 0;
  for (const auto* point : front_of(chart, line)) {
    const std::string x = coordinate(frame.x(point->x));
    if (!data.empty()) data += "L" + x + " " + coordinate(last);
    last = frame.y(point->y);
    data += (data.empty() ? "M" : "L") + x + " " + coordinate(last);
  }
  if (data.find('L') != std::string::npos) svg.path("curve front-step " + css, data);
  for (const FrontLine::Point& point : line.points) {
    const double x = frame.x(point.x), y = frame.y(point.y);
    svg.tip(point.tooltip);
    if (line.series < 8) {
      svg.circle("mark dot " + css, x, y, 4.5);
    } else {
      svg.rect("mark dot " + css, x - 4, y - 4, 8, 8);
    }
  }
}

}  // namespace

void FrontChart::cover() {
  std::vector<double> xs, ys;
  for (const FrontLine& line : lines) {
    for (const FrontLine::Point& point : line.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
  }
  for (const auto& level : levels) ys.push_back(level.second);
  x.cover(xs, 0.04, 0.04);
  y.cover(ys, 0.06, 0.08);
}

std::string series_class(std::size_t series) {
  return "c" + std::to_string(series % 8) + (series % 16 < 8 ? "" : " dashed");
}

std::string svg_fronts(const FrontChart& chart) {
  Svg svg(kFrontWidth, kFrontHeight, chart.title, true);
  const Frame frame = draw_frame(svg, chart.x, chart.y, kFrontWidth, kFrontHeight, false);
  for (const auto& [name, x] : chart.budgets) {
    if (x < chart.x.low || x > chart.x.high) continue;
    svg.line("axis dashed", frame.x(x), frame.top, frame.x(x), frame.bottom);
    svg.text("mark-label", frame.x(x) - 4, frame.top + 12, "end", name);
  }
  for (const auto& [name, y] : chart.levels) {
    svg.line("axis dashed", frame.left, frame.y(y), frame.right, frame.y(y));
    svg.text("mark-label", frame.left + 6, frame.y(y) - 5, "start", name);
  }
  for (const FrontLine& line : chart.lines) draw_front_line(svg, frame, chart, line);
  return svg.finish();
}

std::string svg_differences(const std::string& title, Axis x,
                            const std::vector<DifferenceMark>& marks) {
  constexpr double kRow = 26, kTop = 10, kWidth = 760, kLetter = 7;
  std::vector<double> values = {0};
  std::size_t longest = 0;
  for (const DifferenceMark& mark : marks) {
    values.push_back(mark.mean);
    if (mark.interval) {
      values.push_back(mark.interval->first);
      values.push_back(mark.interval->second);
    }
    longest = std::max(longest, mark.name.size());
  }
  x.cover(values, 0.05, 0.05);
  if (*std::min_element(values.begin(), values.end()) >= 0) x.low = -0.05 * x.high;
  const double left = std::min(20 + kLetter * double(longest), 0.6 * kWidth), right = kWidth - 22;
  const double bottom = kTop + kRow * double(marks.size());
  Svg svg(kWidth, bottom + 56, title, true);
  const Scale at{x, left, right};
  int index = 0;
  for (const auto& [value, text] : ticks(x, 7)) {
    svg.line("grid", at(value), kTop, at(value), bottom);
    svg.text(index++ % 2 ? "tick every-other" : "tick", at(value), bottom + 20, "middle", text);
  }
  svg.line("axis", left, bottom, right, bottom);
  svg.line("axis", at(0), kTop, at(0), bottom);
  svg.text("name", (left + right) / 2, bottom + 44, "middle", x.label);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const DifferenceMark& mark = marks[i];
    const double y = kTop + kRow * (double(i) + 0.5);
    svg.text("tick", left - 8, y + 4, "end", mark.name);
    svg.begin_group(mark.tooltip);
    if (mark.interval) {
      const double from = at(mark.interval->first), to = at(mark.interval->second);
      svg.path("curve c0", "M" + coordinate(from) + " " + coordinate(y) + "L" + coordinate(to) +
                               " " + coordinate(y) + "M" + coordinate(from) + " " +
                               coordinate(y - 5) + "v10M" + coordinate(to) + " " +
                               coordinate(y - 5) + "v10");
    }
    svg.circle("mark dot c0", at(mark.mean), y, 4.5);
    svg.end_group();
  }
  return svg.finish();
}

}  // namespace deneb::reports
