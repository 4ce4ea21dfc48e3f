#pragma once

#include "search/knapsack/answer.h"
#include "search/knapsack/bound.h"
#include "search/knapsack/model.h"

namespace deneb::knapsack {

struct SearchRequest {
  double limit;             // higher costs, relative to the model's base, are of no interest
  double tolerance;         // of ties
  int keep;                 // as in remove_dominated
  std::size_t width;        // partial choices kept per stage: those with the lowest bounds
  std::int64_t max_states;  // kept in all
};

struct Outcome {
  enum class End { kComplete, kNarrowed, kStopped };
  End end = End::kComplete;  // all that matters was seen; `width` cut some off; max_states reached
  std::int64_t states = 0;
};

// Dynamic programming over the stages.
Outcome search_window(const Model& model, const Bound& bound, const SearchRequest& request,
                      Answer& answer);

// Depth-first branch and bound; knows neither width nor max_states.
Outcome search_depth_first(const Model& model, const Bound& bound, const SearchRequest& request,
                           Answer& answer);

}  // namespace deneb::knapsack
