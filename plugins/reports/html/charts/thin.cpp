#include "charts/thin.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <unordered_set>

namespace deneb::reports {
namespace {

constexpr double kFirstSquare = 3, kLastSquare = 120, kGrowth = 1.2;

/// The marks that stay whatever the squares: those to keep, and the outermost of each group.
std::vector<char> fixed_marks(const std::vector<PlotMark>& marks) {
  struct Outermost {
    std::size_t left, right, top, bottom;
  };
  std::map<int, Outermost> groups;
  std::vector<char> fixed(marks.size(), 0);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const PlotMark& mark = marks[i];
    fixed[i] = mark.keep;
    Outermost& group = groups.emplace(mark.group, Outermost{i, i, i, i}).first->second;
    if (mark.x < marks[group.left].x) group.left = i;
    if (mark.x > marks[group.right].x) group.right = i;
    if (mark.y < marks[group.top].y) group.top = i;
    if (mark.y > marks[group.bottom].y) group.bottom = i;
  }
  for (const auto& entry : groups) {
    const Outermost& group = entry.second;
    for (const std::size_t i : {group.left, group.right, group.top, group.bottom}) fixed[i] = 1;
  }
  return fixed;
}

std::vector<std::size_t> one_per_square(const std::vector<PlotMark>& marks,
                                        const std::vector<char>& fixed, double side) {
  constexpr std::int64_t kColumns = 1 << 20, kGroups = 1 << 10;
  std::unordered_set<std::int64_t> taken;
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const auto column = static_cast<std::int64_t>(std::floor(marks[i].x / side));
    const auto row = static_cast<std::int64_t>(std::floor(marks[i].y / side));
    const bool is_first = taken.insert((row * kColumns + column) * kGroups + marks[i].group).second;
    if (is_first || fixed[i]) chosen.push_back(i);
  }
  return chosen;
}

using Points = std::vector<std::pair<double, double>>;

Points thinned(Points points) {
  std::stable_sort(points.begin(), points.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::size_t stretches = kLinePoints / 4, count = points.size();
  const auto lower = [](const auto& a, const auto& b) { return a.second < b.second; };
  Points chosen;
  for (std::size_t k = 0; k < stretches; ++k) {
    const std::size_t begin = k * count / stretches, end = (k + 1) * count / stretches;
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = points.begin() + static_cast<std::ptrdiff_t>(end);
    std::vector<Points::iterator> kept = {first, std::min_element(first, last, lower),
                                          std::max_element(first, last, lower), last - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const auto& point : kept) chosen.push_back(*point);
  }
  return chosen;
}

}  // namespace

std::vector<std::size_t> thin(const std::vector<PlotMark>& marks, std::size_t most) {
  std::vector<std::size_t> chosen(marks.size());
  for (std::size_t i = 0; i < marks.size(); ++i) chosen[i] = i;
  if (marks.size() <= most) return chosen;
  const std::vector<char> fixed = fixed_marks(marks);
  for (double side = kFirstSquare; side < kLastSquare; side *= kGrowth) {
    chosen = one_per_square(marks, fixed, side);
    if (chosen.size() <= most) break;
  }
  return chosen;
}

void thin_lines(Figure& figure) {
  if (!figure.x_names.empty()) return;
  bool any = false;
  for (FigureSeries& series : figure.series) {
    if (series.points.size() <= kLinePoints) continue;
    series.points = thinned(std::move(series.points));
    any = true;
  }
  if (!any) return;
  figure.text +=
      (figure.text.empty() ? "" : " ") + ("Of a line of more than " + std::to_string(kLinePoints) +
                                          " points, those are drawn that give it its shape.");
}

}  // namespace deneb::reports
