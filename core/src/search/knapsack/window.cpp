#include <algorithm>

#include <deneb/interrupt.h>

#include "search/knapsack/frontier.h"
#include "search/knapsack/search.h"

namespace deneb::knapsack {
namespace {

// A partial choice for the stages up to one.
struct State {
  double cost;
  double bound;
  Uses used;
  std::int32_t link;
};

// Its last option, and the partial choice before it.
struct Link {
  std::int32_t parent;
  std::int32_t option;
};

class Window {
 public:
  Window(const Model& model, const Bound& bound, const SearchRequest& request, Answer& answer)
      : model_(model),
        bound_(bound),
        request_(request),
        answer_(answer),
        frontier_(model.limits.size(), request.keep),
        order_(model.limits.empty() ? UseLimit{0, 0, 0} : model.limits[0]) {}

  Outcome run() {
    links_ = {{-1, -1}};
    states_ = {{0, 0, {}, 0}};
    for (stage_ = 0; stage_ < model_.stages.size(); ++stage_) {
      throw_if_stopping();
      if (!decide()) {
        result_.end = Outcome::End::kStopped;
        return result_;
      }
      narrow();
      states_.swap(next_);
    }
    for (const State& state : states_) {
      trace(links_[state.link], stage_, options_a_);
      answer_.add(options_a_);
    }
    return result_;
  }

 private:
  // The next extension by one choice.
  struct Head {
    const Choice* choice;
    std::size_t next_parent;
    Link link;
    State state;
    Keys keys;
  };

  // Extends all states by all choices of the stage; false if there are too many.
  //
  // The states are in order (see before), and so are their extensions by one choice: merging these
  // sequences orders all extensions without sorting.
  bool decide() {
    next_.clear();
    frontier_.clear();
    heads_.clear();
    for (const Choice& choice : model_.stages[stage_].choices) {
      Head head{&choice, 0, {}, {}, {}};
      if (move_on(head)) heads_.push_back(head);
    }
    while (!heads_.empty()) {
      std::size_t first = 0;
      for (std::size_t i = 1; i < heads_.size(); ++i) {
        if (before(heads_[i], heads_[first])) first = i;
      }
      keep(heads_[first]);
      if (result_.states > request_.max_states) return false;
      if (!move_on(heads_[first])) heads_.erase(heads_.begin() + std::ptrdiff_t(first));
    }
    return true;
  }

  // To the next state whose extension lies in the window; false if there is none.
  bool move_on(Head& head) {
    const Choice& choice = *head.choice;
    State& state = head.state;
    while (head.next_parent < states_.size()) {
      const State& parent = states_[head.next_parent++];
      state.cost = parent.cost + choice.cost;
      for (int row = 0; row < kMaxRows; ++row) {
        state.used[row] = parent.used[row] + choice.uses[row];
      }
      state.bound = bound_(stage_ + 1, state.cost, state.used, head.keys);
      head.link = {parent.link, choice.index};
      if (state.bound <= request_.limit) return true;
    }
    return false;
  }

  // The order in which the frontier wants them: whatever could beat b comes before it.
  bool before(const Head& a, const Head& b) {
    const std::int64_t use_a = use_of(order_, a.state.used), use_b = use_of(order_, b.state.used);
    if (use_a != use_b) return use_a < use_b;
    if (a.state.cost != b.state.cost) return a.state.cost < b.state.cost;
    if (a.state.used != b.state.used) return a.state.used < b.state.used;
    return earlier(a.link, b.link);
  }

  void keep(const Head& head) {
    const State& state = head.state;
    const auto beats = [&](std::int32_t i) {
      const State& other = next_[i];
      if (other.cost + request_.tolerance < state.cost) return true;
      if (other.used != state.used) return other.used < state.used;
      return earlier(links_[other.link], head.link);
    };
    if (!frontier_.add(head.keys, state.cost, std::int32_t(next_.size()), beats)) return;
    next_.push_back(state);
    next_.back().link = std::int32_t(links_.size());
    links_.push_back(head.link);
    ++result_.states;
  }

  // Cuts off the highest bounds beyond the width.
  void narrow() {
    if (next_.size() <= request_.width) return;
    result_.end = Outcome::End::kNarrowed;
    bounds_.clear();
    for (const State& state : next_) bounds_.push_back(state.bound);
    const auto last = bounds_.begin() + std::ptrdiff_t(request_.width) - 1;
    std::nth_element(bounds_.begin(), last, bounds_.end());
    const double highest = *last;
    auto places = std::count(bounds_.begin(), last + 1, highest);
    next_.erase(std::remove_if(next_.begin(), next_.end(),
                               [&](const State& state) {
                                 return state.bound > highest ||
                                        (state.bound == highest && places-- <= 0);
                               }),
                next_.end());
  }

  // Options by group of a partial choice for `stages` stages; -1 elsewhere.
  void trace(Link link, std::size_t stages, std::vector<int>& options) const {
    options.assign(model_.stages.size(), -1);
    while (stages-- > 0) {
      options[model_.stages[stages].group] = link.option;
      link = links_[link.parent];
    }
  }

  // Whether the options of a come first, for partial choices that decide this stage.
  bool earlier(const Link& a, const Link& b) {
    trace(a, stage_ + 1, options_a_);
    trace(b, stage_ + 1, options_b_);
    return options_a_ < options_b_;
  }

  const Model& model_;
  const Bound& bound_;
  const SearchRequest& request_;
  Answer& answer_;
  Frontier frontier_;
  UseLimit order_;
  std::size_t stage_ = 0;
  std::vector<State> states_, next_;  // before and after the stage
  std::vector<Link> links_;           // of all states so far
  std::vector<Head> heads_;
  std::vector<double> bounds_;
  std::vector<int> options_a_, options_b_;
  Outcome result_;
};

}  // namespace

Outcome search_window(const Model& model, const Bound& bound, const SearchRequest& request,
                      Answer& answer) {
  return Window(model, bound, request, answer).run();
}

}  // namespace deneb::knapsack
