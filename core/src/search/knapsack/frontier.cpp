#include "search/knapsack/frontier.h"

#include <algorithm>

namespace deneb::knapsack {

std::size_t Frontier::Staircase::count(std::int64_t key) const {
  const auto after =
      std::upper_bound(steps_.begin(), steps_.end(), key,
                       [](std::int64_t k, const Step& step) { return k < step.key; });
  return std::size_t(after - steps_.begin());
}

void Frontier::Staircase::add(const Step& step, std::vector<Step>* replaced) {
  std::size_t first = count(step.key), last = first;
  if (first > 0 && steps_[first - 1].cost <= step.cost) return;
  if (first > 0 && steps_[first - 1].key == step.key) --first;
  while (last < steps_.size() && steps_[last].cost >= step.cost) ++last;
  if (replaced) replaced->insert(replaced->end(), steps_.begin() + first, steps_.begin() + last);
  if (first == last) {
    steps_.insert(steps_.begin() + first, step);
  } else {
    steps_[first] = step;
    steps_.erase(steps_.begin() + first + 1, steps_.begin() + last);
  }
}

void Frontier::clear() {
  first_.clear();
  second_.clear();
  past_.clear();
  recent_.clear();
}

void Frontier::insert(const Step& step, bool below) {
  if (keep_ == 1) return first_.add(step, nullptr);
  if (below) return second_.add(step, nullptr);
  replaced_.clear();
  first_.add(step, &replaced_);
  for (const Step& each : replaced_) second_.add(each, nullptr);
}

void Frontier::to_front(std::size_t i) {
  std::rotate(recent_.begin(), recent_.begin() + i, recent_.begin() + i + 1);
}

}  // namespace deneb::knapsack
