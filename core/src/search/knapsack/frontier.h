#pragma once

#include <cstdint>
#include <vector>

#include "search/knapsack/bound.h"

namespace deneb::knapsack {

// The partial choices of one stage, arranged so that those which may make a new one superfluous are
// found quickly. They arrive with ascending first keys.
//
// Up to two limits, arrival takes care of the first and a staircase (of the second key the least
// cost) of the rest; a second staircase below it serves when two are needed to beat one. With more
// limits only the few last useful ones are compared: some superfluous choices stay.
class Frontier {
 public:
  Frontier(std::size_t limits, int keep) : limits_(limits), keep_(keep) {}

  void clear();

  // Adds number `state` (counting up from 0) and returns true, unless `keep` earlier ones beat it.
  // beats(i) decides about an i that costs no more and has no larger key.
  template <class Beats>
  bool add(const Keys& keys, double cost, std::int32_t state, const Beats& beats) {
    return limits_ <= 2 ? add_to_stairs({limits_ == 2 ? keys[1] : 0, cost, state}, beats)
                        : add_to_recent(keys, cost, state, beats);
  }

 private:
  struct Step {
    std::int64_t key;
    double cost;
    std::int32_t state;
  };

  // Steps with ascending keys and falling costs.
  class Staircase {
   public:
    void clear() { steps_.clear(); }
    // How many steps have keys up to this one; the last of them is the cheapest.
    std::size_t count(std::int64_t key) const;
    const Step& operator[](std::size_t i) const { return steps_[i]; }
    // Unless a step is at least as good; appends to `replaced` those that the new one replaces.
    void add(const Step& step, std::vector<Step>* replaced);

   private:
    std::vector<Step> steps_;
  };

  struct Past {
    Keys keys;
    double cost;
  };
  static constexpr std::size_t kRecent = 64;

  template <class Beats>
  bool add_to_stairs(const Step& step, const Beats& beats) {
    const auto beaten_by = [&](const Staircase& stairs, std::size_t i) {
      return stairs[i].cost <= step.cost && beats(stairs[i].state);
    };
    const std::size_t end = first_.count(step.key);
    int beaten = end > 0 && beaten_by(first_, end - 1);
    if (keep_ > 1 && beaten > 0) {
      const std::size_t below = second_.count(step.key);
      beaten +=
          (end > 1 && beaten_by(first_, end - 2)) || (below > 0 && beaten_by(second_, below - 1));
    }
    if (beaten >= keep_) return false;
    insert(step, beaten > 0);
    return true;
  }

  template <class Beats>
  bool add_to_recent(const Keys& keys, double cost, std::int32_t state, const Beats& beats) {
    int beaten = 0;
    for (std::size_t i = 0; i < recent_.size(); ++i) {
      const Past& past = past_[recent_[i]];
      bool may = past.cost <= cost;
      for (std::size_t j = 0; j < limits_ && may; ++j) may = past.keys[j] <= keys[j];
      if (!may || !beats(recent_[i])) continue;
      to_front(i);
      if (++beaten >= keep_) return false;
    }
    past_.push_back({keys, cost});
    recent_.push_back(state);
    to_front(recent_.size() - 1);
    if (recent_.size() > kRecent) recent_.pop_back();
    return true;
  }

  void insert(const Step& step, bool below);
  void to_front(std::size_t i);

  std::size_t limits_;
  int keep_;
  Staircase first_, second_;
  std::vector<Step> replaced_;
  std::vector<Past> past_;  // by state
  std::vector<std::int32_t> recent_;
};

}  // namespace deneb::knapsack
