#include "search/knapsack/answer.h"

#include <algorithm>
#include <cmath>

#include "search/knapsack/model.h"

namespace deneb::knapsack {

double Answer::highest_tie() const { return least_ + tie_tolerance(least_, least_); }

void Answer::add(std::vector<int> chosen) {
  Candidate candidate{knapsack_cost(problem_, chosen), knapsack_uses(problem_, chosen),
                      std::move(chosen)};
  if (!knapsack_keeps_rows(problem_, candidate.used)) {
    throw RunError("knapsack: the search returned a choice that breaks a row; report this bug");
  }
  if (candidate.cost < least_) {
    second_ = least_;
    least_ = candidate.cost;
    cheapest_ = candidate.chosen;
  } else {
    second_ = std::min(second_, candidate.cost);
  }
  const auto wins = [](const Candidate& a, const Candidate& b) {
    return a.cost <= b.cost && wins_tie(a.used, a.chosen, b.used, b.chosen);
  };
  for (const Candidate& other : equals_) {
    if (wins(other, candidate)) return;
  }
  const auto hopeless = [&](const Candidate& other) {
    return other.cost > highest_tie() || wins(candidate, other);
  };
  equals_.erase(std::remove_if(equals_.begin(), equals_.end(), hopeless), equals_.end());
  if (candidate.cost <= highest_tie()) equals_.push_back(std::move(candidate));
}

void Answer::write(KnapsackSolution& solution) const {
  if (equals_.empty()) return;
  const Candidate& best =
      *std::min_element(equals_.begin(), equals_.end(), [](const Candidate& a, const Candidate& b) {
        return wins_tie(a.used, a.chosen, b.used, b.chosen);
      });
  solution.status = KnapsackSolution::Status::kOptimal;
  solution.chosen = best.chosen;
  solution.cost = best.cost;
  solution.used = best.used;
  solution.unique = second_best_ && second_ > highest_tie();
  const double other = best.chosen == cheapest_ ? second_ : least_;
  if (second_best_ && std::isfinite(other)) solution.second_best = other;
}

}  // namespace deneb::knapsack
