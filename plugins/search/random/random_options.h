#pragma once

#include <deneb/options/options.h>

#include <string>
#include <vector>

#include "objectives.h"

namespace deneb::random_search {

struct RandomSearchOptions {
  int samples = 100;
  double fill = 0;
  std::vector<searches::ObjectiveOptions> objectives;
  int batch = 32;
  int max_attempts = 1000;
  template <class V>
  void visit(V& v) {
    v("samples", samples, "policies to try, all of them different", {1, 1e6});
    v("fill", fill,
      "least share that a policy uses of every limit of the step: 0.96 gives policies of nearly "
      "equal cost",
      {0, 1});
    v("objectives", objectives,
      "what the result is the Pareto set of; empty = the evaluator's first metric, and the cost of "
      "the first limit (bitops without limits)");
    v("batch", batch, "policies handed to the workers at once; changes no result", {1, 1e6});
    v("max_attempts", max_attempts,
      "random starts for one policy that is new and within the budget; then the search goes on "
      "with what it has",
      {1, 1e9});
  }
  void check(OptionErrors& errors) const { searches::check_objectives(objectives, errors); }
};

}  // namespace deneb::random_search
