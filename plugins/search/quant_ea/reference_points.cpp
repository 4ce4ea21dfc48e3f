#include "reference_points.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace deneb::quant_ea {
namespace {

constexpr std::size_t kUncountable = std::numeric_limits<std::size_t>::max();

void check_lattice(std::size_t objectives, unsigned divisions) {
  if (objectives < 2) {
    throw std::invalid_argument("reference points: " + std::to_string(objectives) +
                                " objectives, expected at least 2");
  }
  if (divisions < 1) {
    throw std::invalid_argument("reference points: 0 divisions, expected at least 1");
  }
}

// Appends all vectors whose first `axis` entries are fixed and whose remaining entries share `left`
// of the `divisions` parts.
void fill_lattice(Points& points, Point& point, std::size_t axis, unsigned left,
                  unsigned divisions) {
  if (axis + 1 == point.size()) {
    point[axis] = static_cast<double>(left) / divisions;
    points.push_back(point);
    return;
  }
  for (unsigned parts = 0; parts <= left; ++parts) {
    point[axis] = static_cast<double>(parts) / divisions;
    fill_lattice(points, point, axis + 1, left - parts, divisions);
  }
}

}  // namespace

std::size_t lattice_size(std::size_t objectives, unsigned divisions) {
  // C(n, k) by the product of (n - k + i) / i, which is an integer after every step. The smaller of
  // the two symmetric forms keeps the loop short.
  const std::size_t k = std::min<std::size_t>(divisions, objectives - 1);
  const std::size_t n = objectives - 1 + divisions;
  std::size_t count = 1;
  for (std::size_t i = 1; i <= k; ++i) {
    std::size_t product = 0;
    if (__builtin_mul_overflow(count, n - k + i, &product)) return kUncountable;
    count = product / i;
  }
  return count;
}

Points das_dennis(std::size_t objectives, unsigned divisions) {
  check_lattice(objectives, divisions);
  const std::size_t count = lattice_size(objectives, divisions);
  if (count > Points().max_size()) {
    throw std::invalid_argument("reference points: " + std::to_string(divisions) +
                                " divisions of " + std::to_string(objectives) +
                                " objectives do not fit in memory; use fewer divisions");
  }
  Points points;
  points.reserve(count);
  Point point(objectives, 0.0);
  fill_lattice(points, point, 0, divisions, divisions);
  return points;
}

Points inner_layer(std::size_t objectives, unsigned divisions) {
  Points points = das_dennis(objectives, divisions);
  const double center = 1.0 / (2.0 * static_cast<double>(objectives));
  for (Point& point : points) {
    for (double& coordinate : point) coordinate = coordinate / 2.0 + center;
  }
  return points;
}

ReferenceLayout paper_layout(std::size_t objectives, unsigned divisions) {
  const bool two_layers = objectives >= kTwoLayerObjectives && divisions > 1;
  return {divisions, two_layers ? divisions - 1 : 0};
}

ReferenceLayout fitting_layout(std::size_t objectives, std::size_t population) {
  check_lattice(objectives, 1);
  ReferenceLayout layout;
  while (lattice_size(objectives, layout.outer + 1) <= population) ++layout.outer;
  if (layout.outer >= objectives) return layout;
  const auto fits = [&](unsigned inner) {
    return reference_point_count(objectives, {layout.outer, inner}) <= population;
  };
  while (layout.inner + 1 < layout.outer && fits(layout.inner + 1)) ++layout.inner;
  return layout;
}

std::size_t reference_point_count(std::size_t objectives, const ReferenceLayout& layout) {
  check_lattice(objectives, layout.outer);
  const std::size_t outer = lattice_size(objectives, layout.outer);
  if (layout.inner == 0) return outer;
  const std::size_t inner = lattice_size(objectives, layout.inner);
  return outer > kUncountable - inner ? kUncountable : outer + inner;
}

Points reference_points(std::size_t objectives, const ReferenceLayout& layout) {
  Points points = das_dennis(objectives, layout.outer);
  if (layout.inner > 0) {
    const Points inner = inner_layer(objectives, layout.inner);
    points.insert(points.end(), inner.begin(), inner.end());
  }
  return points;
}

double inverted_generational_distance(const Points& targets, const Points& front) {
  if (targets.empty() || front.empty()) {
    throw std::invalid_argument("inverted generational distance: no targets or no front members");
  }
  double sum = 0.0;
  for (const Point& target : targets) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const Point& member : front) {
      double squared = 0.0;
      for (std::size_t j = 0; j < target.size(); ++j) {
        const double difference = target[j] - member.at(j);
        squared += difference * difference;
      }
      nearest = std::min(nearest, squared);
    }
    sum += std::sqrt(nearest);
  }
  return sum / static_cast<double>(targets.size());
}

}  // namespace deneb::quant_ea
