#include "front_measures.h"

#include <algorithm>
#include <limits>
#include <pagmo/utils/hypervolume.hpp>
#include <random>
#include <stdexcept>

#include <deneb/random.h>

namespace deneb::quant_ea {
namespace {

constexpr std::size_t kExactAxes = 3;
constexpr std::size_t kPlaces = 16384;
constexpr unsigned kPlacesSeed = 20141;

}  // namespace

Hypervolume::Hypervolume(Point best, Point worst)
    : best_(std::move(best)), worst_(std::move(worst)) {
  for (std::size_t j = 0; j < best_.size(); ++j) {
    if (worst_[j] > best_[j]) axes_.push_back(j);
  }
  if (axes_.size() <= kExactAxes) return;
  std::mt19937_64 rng(kPlacesSeed);
  for (std::size_t i = 0; i < kPlaces; ++i) {
    Point place;
    for (std::size_t j = 0; j < axes_.size(); ++j) place.push_back(uniform_real(rng));
    places_.push_back(std::move(place));
  }
}

double Hypervolume::add(const Points& front) {
  Points points;  // in the box, which is [0, 1] in every axis
  for (const Point& row : front) {
    Point point;
    for (const std::size_t j : axes_) {
      point.push_back(std::max(0.0, (row[j] - best_[j]) / (worst_[j] - best_[j])));
    }
    if (std::all_of(point.begin(), point.end(), [](double x) { return x < 1; })) {
      points.push_back(std::move(point));
    }
  }
  if (axes_.empty() || (points.empty() && places_.empty())) return 0;
  return places_.empty() && dominated_ == 0 ? exact(points) : sampled(points);
}

double Hypervolume::exact(const Points& points) const {
  if (axes_.size() > 1) return pagmo::hypervolume(points).compute(Point(axes_.size(), 1.0));
  double least = 1;
  for (const Point& point : points) least = std::min(least, point[0]);
  return 1 - least;
}

double Hypervolume::sampled(const Points& points) {
  const auto is_dominated = [&](const Point& place) {
    return std::any_of(points.begin(), points.end(), [&](const Point& point) {
      return std::equal(point.begin(), point.end(), place.begin(), std::less_equal<double>());
    });
  };
  places_.erase(std::remove_if(places_.begin(), places_.end(), is_dominated), places_.end());
  dominated_ = kPlaces - places_.size();
  return static_cast<double>(dominated_) / static_cast<double>(kPlaces);
}

std::size_t knee_of(const Points& front) {
  if (front.empty()) throw std::invalid_argument("knee: the front is empty");
  Point best = front.front(), worst = front.front();
  for (const Point& row : front) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      best[j] = std::min(best[j], row[j]);
      worst[j] = std::max(worst[j], row[j]);
    }
  }
  std::size_t knee = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < front.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < best.size(); ++j) {
      if (worst[j] > best[j]) sum += (front[i][j] - best[j]) / (worst[j] - best[j]);
    }
    if (sum >= least) continue;
    least = sum;
    knee = i;
  }
  return knee;
}

}  // namespace deneb::quant_ea
