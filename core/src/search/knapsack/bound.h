#pragma once

#include <array>
#include <vector>

#include "search/knapsack/model.h"

namespace deneb::knapsack {

using Keys = std::array<std::int64_t, kMaxLimits>;
using Multipliers = std::array<double, kMaxLimits>;  // cost per unit of a limit, >= 0

// Multipliers with nearly the largest Lagrangian bound. Any others would give a valid bound too.
Multipliers best_multipliers(const Model& model);

// Cost plus priced uses.
double priced_cost(const Model& model, const Choice& choice, const Multipliers& prices);

// Lower bounds on the cost of everything that a partial choice can become. Each is the largest of
// several Lagrangian bounds: the best multipliers are the best for the average partial choice only,
// and one that has used little of one limit and much of another is better judged by others.
class Bound {
 public:
  Bound(const Model& model, const Multipliers& best);

  // Of the whole problem; above the model's spread nothing is feasible.
  double root() const { return root_; }

  // Of a partial choice for the stages before `stage` with these sums; infinite if it breaks a
  // limit whatever follows. `keys` receives its uses by limit, not below the value from which no
  // completion breaks the limit: what is feasible later depends on the keys alone.
  double operator()(std::size_t stage, double cost, const Uses& used, Keys& keys) const;

  // Of all choices that contain this one.
  double with(std::size_t stage, const Choice& choice) const;

 private:
  static constexpr int kSets = 8;
  using Set = std::array<double, kSets>;  // one value for each of the multipliers
  struct Rest {                           // the stages from one on
    Keys least = {};                      // uses of each limit
    Keys floor = {};                      // below it a limit cannot be broken any more
    Set constant = {};                    // least priced cost, minus the price of the limits
  };

  void set_prices(const Multipliers& best);
  void set_constants(const Model& model);
  void set_uses(const Model& model);
  double priced(const Choice& choice, int set) const;

  std::vector<UseLimit> limits_;
  std::array<Set, kMaxLimits> prices_ = {};
  std::vector<Set> least_;  // priced cost by stage
  std::vector<Rest> rest_;  // by stage, with an end
  double root_ = 0;
};

}  // namespace deneb::knapsack
