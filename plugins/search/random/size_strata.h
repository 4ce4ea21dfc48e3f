#pragma once

#include <deneb/search/search_algorithm.h>

#include <optional>
#include <random>
#include <vector>

namespace deneb::random_search {

/// Draws genomes from bins of the cost `size` that share the span from the narrowest to the widest
/// policy evenly. A uniform draw of many layers has the mean size, and an accuracy near that of all
/// others; these reach both ends.
///
/// A draw takes a target, uniform within the bin, and every gene's candidate with a probability
/// proportional to exp(t * width), where t makes the target the expected size.
class SizeStrata {
 public:
  static constexpr int kBins = 10;

  /// Keeps a reference to the space. ConfigError when `size` is unknown or the same for all
  /// policies.
  explicit SizeStrata(const SearchSetup& setup);

  /// One draw; nothing when its size is not in the bin, 0 .. kBins - 1, and for an empty one.
  std::optional<std::vector<int>> draw(int bin, std::mt19937_64& rng) const;
  /// Of a policy's size.
  int bin_of(double size) const;

 private:
  double expected(double tilt) const;
  double tilt_for(double target) const;

  const SearchSpace& space_;
  double least_ = 0, most_ = 0;             // sizes of the narrowest and the widest policy
  std::vector<std::vector<double>> share_;  // [gene][candidate]: size above that of the narrowest
};

}  // namespace deneb::random_search
