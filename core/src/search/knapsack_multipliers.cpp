// Maximizes the Lagrangian bound by the ellipsoid method with deep cuts.
#include <algorithm>
#include <cmath>
#include <limits>

#include "search/knapsack_bound.h"

namespace deneb::knapsack {
namespace {

constexpr double kPrecision = 1e-6;  // of the bound, in units of the spread
using Point = Multipliers;

// The relaxation with costs in units of the model's spread and every limit in a unit near the
// largest sum of its uses: the multipliers sought are then of order 1.
class Relaxation {
 public:
  explicit Relaxation(const Model& model)
      : size_(int(model.limits.size())), cost_unit_(model.spread > 0 ? model.spread : 1) {
    for (int j = 0; j < size_; ++j) {
      const Limit& limit = model.limits[j];
      double range = 1;
      for (const Stage& stage : model.stages) {
        std::int64_t most = 0;
        for (const Choice& choice : stage.choices) most = std::max(most, choice.uses[limit.row]);
        range += double(most);
      }
      use_unit_[j] = std::exp2(std::ilogb(range));  // a power of two divides without rounding
      most_[j] = double(limit.most) / use_unit_[j];
    }
    for (const Stage& stage : model.stages) {
      for (const Choice& choice : stage.choices) {
        values_.push_back(choice.cost / cost_unit_);
        for (int j = 0; j < size_; ++j) {
          values_.push_back(double(use_of(model.limits[j], choice.uses)) / use_unit_[j]);
        }
      }
      ends_.push_back(values_.size());
    }
  }

  int size() const { return size_; }

  // The bound at x; `excess` over each limit of the choice that attains it is a supergradient.
  double value(const Point& x, Point& excess) const {
    double sum = 0;
    for (int j = 0; j < size_; ++j) {
      excess[j] = -most_[j];
      sum -= x[j] * most_[j];
    }
    const double* entry = values_.data();
    for (const std::size_t end : ends_) {
      double least = kInfinity;
      const double* chosen = entry;
      for (; entry < values_.data() + end; entry += 1 + size_) {
        double priced = entry[0];
        for (int j = 0; j < size_; ++j) priced += x[j] * entry[1 + j];
        if (priced < least) {
          least = priced;
          chosen = entry;
        }
      }
      sum += least;
      for (int j = 0; j < size_; ++j) excess[j] += chosen[1 + j];
    }
    return sum;
  }

  Multipliers prices(const Point& x) const {
    Multipliers result = {};
    for (int j = 0; j < size_; ++j) result[j] = x[j] * cost_unit_ / use_unit_[j];
    return result;
  }

 private:
  int size_;
  double cost_unit_;
  Point use_unit_ = {}, most_ = {};
  std::vector<double> values_;     // cost and uses of every choice
  std::vector<std::size_t> ends_;  // of every stage in values_
};

// The points x with (x - center)' shape^-1 (x - center) <= 1.
class Ellipsoid {
 public:
  Ellipsoid(int size, double radius) : size_(size) {
    for (int j = 0; j < size; ++j) shape_[j][j] = radius * radius;
  }

  const Point& center() const { return center_; }

  // Half of the width along g, on whose scale cut() measures its depth.
  double half_width(const Point& g) {
    double square = 0;
    for (int i = 0; i < size_; ++i) {
      along_[i] = 0;
      for (int j = 0; j < size_; ++j) along_[i] += shape_[i][j] * g[j];
      square += along_[i] * g[i];
    }
    return half_ = std::sqrt(std::max(square, 0.0));
  }

  // Becomes the smallest ellipsoid around its part with g (x - center) <= -depth, g as last given
  // to half_width.
  void cut(double depth) {
    const double n = size_, a = depth / half_;
    const double step = (1 + n * a) / (n + 1), shrink = 2 * step / (1 + a);
    for (int i = 0; i < size_; ++i) center_[i] -= step * along_[i] / half_;
    if (size_ == 1) {  // an interval, where the general factors are infinity and 0
      shape_[0][0] *= (1 - a) * (1 - a) / 4;
      return;
    }
    const double grow = n * n * (1 - a * a) / (n * n - 1);
    for (int i = 0; i < size_; ++i) {
      for (int j = 0; j < size_; ++j) {
        shape_[i][j] = grow * (shape_[i][j] - shrink * along_[i] * along_[j] / (half_ * half_));
      }
    }
  }

 private:
  int size_;
  Point center_ = {}, along_ = {};
  double half_ = 0;
  std::array<Point, kMaxLimits> shape_ = {};
};

// The best point met among those not negative and within this radius of 0.
Point maximize(const Relaxation& relaxation, double radius, double& best) {
  Ellipsoid region(relaxation.size(), radius);
  Point best_point = {}, g = {};
  best = relaxation.value(best_point, g);
  for (int round = 0; round < 400 * relaxation.size(); ++round) {
    const Point& center = region.center();
    const auto lowest = std::min_element(center.begin(), center.end());
    const bool negative = *lowest < 0;
    double depth = 0;
    if (negative) {
      g = {};
      g[lowest - center.begin()] = -1;
      depth = -*lowest;
    } else {
      const double value = relaxation.value(center, g);
      for (double& each : g) each = -each;
      if (value > best) {
        best = value;
        best_point = center;
      }
      depth = best - value;
    }
    const double half = region.half_width(g);
    if (!(half > 0) || depth >= half || (!negative && half - depth < kPrecision)) break;
    region.cut(depth);
  }
  return best_point;
}

}  // namespace

double priced_cost(const Model& model, const Choice& choice, const Multipliers& prices) {
  double sum = choice.cost;
  for (std::size_t j = 0; j < model.limits.size(); ++j) {
    sum += prices[j] * double(use_of(model.limits[j], choice.uses));
  }
  return sum;
}

Multipliers best_multipliers(const Model& model) {
  const Relaxation relaxation(model);
  if (relaxation.size() == 0) return {};
  Point best_point = {};
  double best = -kInfinity;
  for (double radius = 8; radius < 1e9; radius *= 32) {
    double value = 0;
    const Point point = maximize(relaxation, radius, value);
    double length = 0;
    for (const double x : point) length = std::hypot(length, x);
    if (value > best) {
      best = value;
      best_point = point;
    }
    // A bound above 1 proves that nothing is feasible; well inside the ball it is the maximum.
    if (best > 1.001 || length < radius / 4) break;
  }
  return relaxation.prices(best_point);
}

}  // namespace deneb::knapsack
