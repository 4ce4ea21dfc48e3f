#include "size_strata.h"

#include <deneb/random.h>

#include <algorithm>
#include <cmath>

namespace deneb::random_search {
namespace {

// Of the candidates of a gene, relative to the widest one: no overflow for large tilts.
std::vector<double> chances(const Gene& gene, double tilt) {
  std::vector<double> chances;
  double largest = -INFINITY, sum = 0;
  for (const Format& format : gene.candidates) largest = std::max(largest, tilt * format.bits);
  for (const Format& format : gene.candidates) {
    chances.push_back(std::exp(tilt * format.bits - largest));
    sum += chances.back();
  }
  for (double& chance : chances) chance /= sum;
  return chances;
}

int draw_one(const std::vector<double>& chances, std::mt19937_64& rng) {
  double left = uniform_real(rng);
  for (std::size_t i = 0; i + 1 < chances.size(); ++i) {
    left -= chances[i];
    if (left < 0) return static_cast<int>(i);
  }
  return static_cast<int>(chances.size()) - 1;
}

}  // namespace

SizeStrata::SizeStrata(const SearchSetup& setup) : space_(setup.space()) {
  const CostModel& size = setup.cost_model("size");
  const auto price = [&](const std::vector<int>& genome) {
    return size.total(space_.network(), space_.decode(genome));
  };
  const std::vector<int> narrowest = space_.narrowest();
  least_ = price(narrowest);
  most_ = price(space_.widest());
  if (!(most_ > least_)) {
    throw ConfigError(
        "search_algorithm.sampler: all policies have the same size, so that there are no bins; "
        "offer several widths of weights, or use \"uniform\"");
  }
  for (std::size_t g = 0; g < space_.genes().size(); ++g) {
    share_.emplace_back();
    for (std::size_t c = 0; c < space_.genes()[g].candidates.size(); ++c) {
      std::vector<int> genome = narrowest;
      genome[g] = static_cast<int>(c);
      share_.back().push_back(price(genome) - least_);
    }
  }
}

std::optional<std::vector<int>> SizeStrata::draw(int bin, std::mt19937_64& rng) const {
  const double target = least_ + (most_ - least_) * (bin + uniform_real(rng)) / kBins;
  const double tilt = tilt_for(target);
  std::vector<int> genome;
  double size = least_;
  for (std::size_t g = 0; g < share_.size(); ++g) {
    genome.push_back(draw_one(chances(space_.genes()[g], tilt), rng));
    size += share_[g][static_cast<std::size_t>(genome.back())];
  }
  if (bin_of(size) != bin) return std::nullopt;
  return genome;
}

int SizeStrata::bin_of(double size) const {
  const double place = std::floor((size - least_) / (most_ - least_) * kBins);
  return static_cast<int>(std::clamp(place, 0.0, kBins - 1.0));
}

double SizeStrata::expected(double tilt) const {
  double size = least_;
  for (std::size_t g = 0; g < share_.size(); ++g) {
    const std::vector<double> chance = chances(space_.genes()[g], tilt);
    for (std::size_t c = 0; c < chance.size(); ++c) size += chance[c] * share_[g][c];
  }
  return size;
}

// The expected size grows with the tilt.
double SizeStrata::tilt_for(double target) const {
  double low = -30, high = 30;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (expected(middle) < target ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace deneb::random_search
