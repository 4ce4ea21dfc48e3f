#include "search/knapsack/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deneb::knapsack {

Bound::Bound(const Model& model, const Multipliers& best)
    : limits_(model.limits), least_(model.stages.size()), rest_(model.stages.size() + 1) {
  set_prices(best);
  set_constants(model);
  set_uses(model);
  root_ = *std::max_element(rest_[0].constant.begin(), rest_[0].constant.end());
}

// The best multipliers, and some with the limits' prices moved against and with each other.
void Bound::set_prices(const Multipliers& best) {
  for (std::size_t j = 0; j < limits_.size(); ++j) {
    prices_[j][0] = best[j];
    for (int set = 1; set < kSets; ++set) {
      const double move = set < 4 ? 0.1 : 0.3;
      prices_[j][set] = best[j] * ((set >> j % 3 & 1) ? 1 + move : 1 - move);
    }
  }
}

double Bound::priced(const Choice& choice, int set) const {
  double sum = choice.cost;
  for (std::size_t j = 0; j < limits_.size(); ++j) {
    sum += prices_[j][set] * double(use_of(limits_[j], choice.uses));
  }
  return sum;
}

void Bound::set_constants(const Model& model) {
  const std::size_t stages = model.stages.size();
  for (int set = 0; set < kSets; ++set) {
    double constant = 0, magnitude = model.spread;
    for (std::size_t j = 0; j < limits_.size(); ++j) {
      constant -= prices_[j][set] * double(limits_[j].most);
      magnitude += prices_[j][set] * std::abs(double(limits_[j].most));
    }
    for (std::size_t i = 0; i < stages; ++i) {
      double least = std::numeric_limits<double>::infinity(), largest = 0;
      for (const Choice& choice : model.stages[i].choices) {
        const double sum = priced(choice, set);
        least = std::min(least, sum);
        largest = std::max(largest, std::abs(sum - choice.cost));
      }
      least_[i][set] = least;
      magnitude += largest;
    }
    // Rounding must not lift a bound above a cost.
    rest_[stages].constant[set] = constant - 5e-16 * double(stages + 10) * magnitude;
    for (std::size_t i = stages; i-- > 0;) {
      rest_[i].constant[set] = rest_[i + 1].constant[set] + least_[i][set];
    }
  }
}

void Bound::set_uses(const Model& model) {
  for (std::size_t j = 0; j < limits_.size(); ++j) {
    std::int64_t least_sum = 0, largest_sum = 0;
    rest_.back().floor[j] = limits_[j].most;
    for (std::size_t i = model.stages.size(); i-- > 0;) {
      std::int64_t least = std::numeric_limits<std::int64_t>::max(), largest = -least;
      for (const Choice& choice : model.stages[i].choices) {
        const std::int64_t use = use_of(limits_[j], choice.uses);
        least = std::min(least, use);
        largest = std::max(largest, use);
      }
      rest_[i].least[j] = least_sum += least;
      rest_[i].floor[j] = limits_[j].most - (largest_sum += largest);
    }
  }
}

double Bound::operator()(std::size_t stage, double cost, const Uses& used, Keys& keys) const {
  const Rest& rest = rest_[stage];
  Set sum = rest.constant;
  for (std::size_t j = 0; j < limits_.size(); ++j) {
    const std::int64_t use = use_of(limits_[j], used);
    if (use + rest.least[j] > limits_[j].most) return std::numeric_limits<double>::infinity();
    // Uses below the floor are no merit: what they leave of the limit is lost in any case.
    keys[j] = std::max(use, rest.floor[j]);
    const double key = double(keys[j]);
    for (int set = 0; set < kSets; ++set) sum[set] += prices_[j][set] * key;
  }
  return cost + *std::max_element(sum.begin(), sum.end());
}

double Bound::with(std::size_t stage, const Choice& choice) const {
  double largest = -std::numeric_limits<double>::infinity();
  for (int set = 0; set < kSets; ++set) {
    largest = std::max(largest, rest_[0].constant[set] + priced(choice, set) - least_[stage][set]);
  }
  return largest;
}

}  // namespace deneb::knapsack
