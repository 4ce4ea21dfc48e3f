#pragma once

#include <cstddef>
#include <vector>

#include "reference_points.h"

/// Numbers about a Pareto front; every objective is minimized.
namespace deneb::quant_ea {

/// Hypervolume: how much of the box between two corners points dominate, as a share of the box. It
/// never falls when points are added. Exact for two and three objectives; for more it is the share
/// of 16384 random places (always the same ones) that are dominated, so that its standard error is
/// below 0.004.
class Hypervolume {
 public:
  /// `best` and `worst`: opposite corners. An objective in which they are equal is left out.
  Hypervolume(Point best, Point worst);
  /// Of the points given so far and these; of earlier ones only those that no other dominates have
  /// to be given again.
  double add(const Points& front);

 private:
  double exact(const Points& points) const;
  double sampled(const Points& points);

  Point best_, worst_;
  std::vector<std::size_t> axes_;  // of the box
  Points places_;                  // not dominated so far
  std::size_t dominated_ = 0;
};

/// Index of the knee of a front, where giving up a little of one objective stops to buy much of the
/// others: the member furthest below the plane through the worst of each objective, after every
/// objective has been brought to [0, 1] over the front. That is the one with the least sum; of
/// equal ones the first. (The distance from the line between the extremes, for two objectives.)
/// Throws std::invalid_argument for an empty front.
std::size_t knee_of(const Points& front);

}  // namespace deneb::quant_ea
