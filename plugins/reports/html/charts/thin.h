#pragma once

#include <cstddef>
#include <vector>

#include <deneb/search/figure.h>

/// What of many marks is drawn: as few as make the same picture.
namespace deneb::reports {

/// A mark that is to be drawn or left out.
struct PlotMark {
  double x = 0, y = 0;  ///< in pixels
  int group = 0;        ///< marks of different groups do not stand for each other
  bool keep = false;    ///< drawn in any case
};

/// Indices of the marks to draw, ascending: all if they are not more than `most`. Else those to
/// keep, the outermost of each group, and one for each square of the plot where a group has any;
/// the squares, of 3 pixels first, grow until that is few enough.
std::vector<std::size_t> thin(const std::vector<PlotMark>& marks, std::size_t most);

/// Points that a line of a figure is drawn with, if x is a number: no line shows more.
constexpr std::size_t kLinePoints = 1000;

/// Leaves out points of lines that have more than kLinePoints: of each stretch of the line the
/// first, the last, the lowest and the highest stay; its text says so. A figure over named places
/// is left alone.
void thin_lines(Figure& figure);

}  // namespace deneb::reports
