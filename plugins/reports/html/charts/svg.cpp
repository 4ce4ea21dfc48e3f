#include "charts/svg.h"

#include <cmath>
#include <cstdio>

#include "escape.h"
#include "text.h"

namespace deneb::reports {

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  std::string number = text;
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  return number == "-0" ? "0" : number;
}

namespace {

std::string attribute(const char* name, double value) {
  return " " + std::string(name) + "=\"" + coordinate(value) + "\"";
}

std::string css_class(const std::string& css) { return " class=\"" + css + "\""; }

}  // namespace

Svg::Svg(double width, double height, const std::string& label, bool fluid) {
  out_ = "<svg class=\"chart " + std::string(fluid ? "fluid" : "fixed") + "\" viewBox=\"0 0 " +
         coordinate(width) + " " + coordinate(height) + "\"" + attribute("width", width) +
         attribute("height", height) + " role=\"img\" aria-label=\"" + html(label) + "\">\n";
}

Svg& Svg::tip(const std::string& text) {
  tip_ = text;
  return *this;
}

void Svg::element(const std::string& open) {
  const std::size_t name_end = open.find(' ');
  if (tip_.empty()) {
    out_ += "<" + open + "/>\n";
  } else {
    out_ += "<" + open + "><title>" + html(tip_) + "</title></" + open.substr(0, name_end) + ">\n";
    tip_.clear();
  }
}

void Svg::begin_link(const std::string& target) {
  out_ += "<a href=\"" + html(target) + "\" tabindex=\"-1\">";
}

void Svg::end_link() { out_ += "</a>\n"; }

void Svg::begin_group(const std::string& tip) { out_ += "<g><title>" + html(tip) + "</title>\n"; }

void Svg::end_group() { out_ += "</g>\n"; }

void Svg::rect(const std::string& css, double x, double y, double width, double height,
               double radius) {
  element("rect" + css_class(css) + attribute("x", x) + attribute("y", y) +
          attribute("width", width) + attribute("height", height) +
          (radius > 0 ? attribute("rx", radius) : ""));
}

void Svg::line(const std::string& css, double x1, double y1, double x2, double y2) {
  element("line" + css_class(css) + attribute("x1", x1) + attribute("y1", y1) +
          attribute("x2", x2) + attribute("y2", y2));
}

void Svg::circle(const std::string& css, double x, double y, double radius) {
  element("circle" + css_class(css) + attribute("cx", x) + attribute("cy", y) +
          attribute("r", radius));
}

void Svg::path(const std::string& css, const std::string& data) {
  element("path" + css_class(css) + " d=\"" + data + "\"");
}

void Svg::text(const std::string& css, double x, double y, const std::string& anchor,
               const std::string& words, double turn) {
  out_ += "<text" + css_class(css) + attribute("x", x) + attribute("y", y) + " text-anchor=\"" +
          anchor + "\"";
  if (turn != 0) {
    out_ += " transform=\"rotate(" + coordinate(turn) + " " + coordinate(x) + " " + coordinate(y) +
            ")\"";
  }
  out_ += ">" + html(words) + "</text>\n";
}

std::string Svg::finish() { return out_ + "</svg>\n"; }

Frame draw_frame(Svg& svg, const Axis& x, const Axis& y, double width, double height,
                 bool whole_numbers) {
  Frame frame{78, 14, width - 22, height - 58, {}, {}};
  frame.x = {x, frame.left, frame.right};
  frame.y = {y, frame.bottom, frame.top};
  int index = 0;
  for (const auto& [value, text] : ticks(x, 8)) {
    if (whole_numbers && value != std::floor(value)) continue;
    const double at = frame.x(value);
    svg.line("grid", at, frame.top, at, frame.bottom);
    // Every other text goes on narrow screens, where texts are larger.
    svg.text(index++ % 2 ? "tick every-other" : "tick", at, frame.bottom + 20, "middle", text);
  }
  draw_y_axis(svg, frame);
  svg.text("name", (frame.left + frame.right) / 2, height - 12, "middle", x.label);
  return frame;
}

void draw_y_axis(Svg& svg, const Frame& frame) {
  int index = 0;
  for (const auto& [value, text] : ticks(frame.y.axis, 7)) {
    const double at = frame.y(value);
    svg.line("grid", frame.left, at, frame.right, at);
    svg.text(index++ % 2 ? "tick every-other" : "tick", frame.left - 8, at + 4, "end", text);
  }
  svg.line("axis", frame.left, frame.bottom, frame.right, frame.bottom);
  svg.line("axis", frame.left, frame.top, frame.left, frame.bottom);
  svg.text("name", 18, (frame.top + frame.bottom) / 2, "middle", frame.y.axis.label, -90);
}

}  // namespace deneb::reports
