#pragma once

#include <limits>
#include <vector>

#include <deneb/search/multiple_choice_knapsack.h>

namespace deneb::knapsack {

// The best of the choices that one search meets.
class Answer {
 public:
  Answer(const KnapsackProblem& problem, bool second_best)
      : problem_(problem), second_best_(second_best) {}

  // Every choice at most once. RunError if it does not keep the rows: the search is wrong.
  void add(std::vector<int> chosen);

  // Infinite as long as there is none.
  double least() const { return least_; }
  double second() const { return second_; }
  // What a further choice must not exceed to matter.
  double worth() const { return second_best_ ? second_ : least_; }

  // Chosen option, cost, uses, second best and uniqueness; leaves the solution alone if empty.
  void write(KnapsackSolution& solution) const;

 private:
  struct Candidate {
    double cost;
    std::vector<std::int64_t> used;
    std::vector<int> chosen;
  };
  double highest_tie() const;

  const KnapsackProblem& problem_;
  bool second_best_;
  double least_ = std::numeric_limits<double>::infinity();
  double second_ = std::numeric_limits<double>::infinity();
  std::vector<int> cheapest_;      // has the least cost
  std::vector<Candidate> equals_;  // equally good up to the tolerance, as far as they may win
};

}  // namespace deneb::knapsack
