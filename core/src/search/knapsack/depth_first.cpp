#include <algorithm>

#include <deneb/interrupt.h>

#include "search/knapsack/search.h"

namespace deneb::knapsack {
namespace {

class DepthFirst {
 public:
  DepthFirst(const Model& model, const Bound& bound, const SearchRequest& request, Answer& answer)
      : model_(model),
        bound_(bound),
        request_(request),
        answer_(answer),
        chosen_(model.stages.size()),
        branches_(model.stages.size()) {}

  Outcome run() {
    descend(0, 0, {});
    return result_;
  }

 private:
  struct Branch {
    double bound;
    double cost;
    Uses used;
    int index;
  };

  // Equally good choices are all visited for the tie rule; equally good second ones are not.
  bool hopeless(double bound) const {
    const double slack = request_.tolerance;
    return bound > request_.limit || (bound > answer_.least() - model_.base_cost + slack &&
                                      bound > answer_.worth() - model_.base_cost - slack);
  }

  void descend(std::size_t stage, double cost, const Uses& used) {
    if (stage == model_.stages.size()) {
      answer_.add(chosen_);
      return;
    }
    std::vector<Branch>& branches = branches_[stage];
    branches.clear();
    for (const Choice& choice : model_.stages[stage].choices) {
      Branch branch{0, cost + choice.cost, used, choice.index};
      for (int row = 0; row < kMaxRows; ++row) branch.used[row] += choice.uses[row];
      Keys keys;
      branch.bound = bound_(stage + 1, branch.cost, branch.used, keys);
      if (branch.bound <= request_.limit) branches.push_back(branch);
    }
    std::stable_sort(branches.begin(), branches.end(),
                     [](const Branch& a, const Branch& b) { return a.bound < b.bound; });
    for (const Branch& branch : branches) {
      if (hopeless(branch.bound)) break;
      if (++result_.states % 4096 == 0) throw_if_stopping();
      chosen_[model_.stages[stage].group] = branch.index;
      descend(stage + 1, branch.cost, branch.used);
    }
  }

  const Model& model_;
  const Bound& bound_;
  const SearchRequest& request_;
  Answer& answer_;
  std::vector<int> chosen_;                    // option by group
  std::vector<std::vector<Branch>> branches_;  // by stage; each level of the recursion has its own
  Outcome result_;
};

}  // namespace

Outcome search_depth_first(const Model& model, const Bound& bound, const SearchRequest& request,
                           Answer& answer) {
  return DepthFirst(model, bound, request, answer).run();
}

}  // namespace deneb::knapsack
