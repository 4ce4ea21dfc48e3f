#include "budget_sampler.h"

#include <deneb/random.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace deneb::searches {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::vector<std::vector<int>> by_width(const Gene& gene) {
  std::map<int, std::vector<int>> sorted;
  for (std::size_t i = 0; i < gene.candidates.size(); ++i) {
    sorted[gene.candidates[i].bits].push_back(static_cast<int>(i));
  }
  std::vector<std::vector<int>> widths;
  for (const auto& entry : sorted) widths.push_back(entry.second);
  return widths;
}

// Candidates of the next narrower or wider width; nullptr at the end.
const std::vector<int>* neighbors(const std::vector<std::vector<int>>& widths, int candidate,
                                  bool wider) {
  const auto at = std::find_if(widths.begin(), widths.end(), [candidate](const auto& same) {
    return std::find(same.begin(), same.end(), candidate) != same.end();
  });
  if (wider) return at + 1 == widths.end() ? nullptr : &*(at + 1);
  return at == widths.begin() ? nullptr : &*(at - 1);
}

int any_of(const std::vector<int>& candidates, std::mt19937_64& rng) {
  return candidates[uniform_index(rng, candidates.size())];
}

}  // namespace

std::vector<CostRange> limit_ranges(const SearchSetup& setup, double fill) {
  std::vector<CostRange> ranges;
  for (const Limit& limit : setup.limits()) {
    ranges.push_back({limit.cost, &setup.cost_model(limit.cost), fill * limit.most, limit.most});
  }
  return ranges;
}

bool is_within(const CostRange& range, const NetworkInfo& network, const BitPolicy& policy) {
  const double use = range.model->total(network, policy);
  return range.least <= use && use <= range.most;
}

BudgetSampler::BudgetSampler(const SearchSpace& space, const std::vector<CostRange>& ranges)
    : space_(space) {
  for (const CostRange& range : ranges) budgets_.push_back({range});
  for (const Gene& gene : space_.genes()) widths_.push_back(by_width(gene));
}

std::optional<std::vector<int>> BudgetSampler::draw(std::mt19937_64& rng) {
  Draft draft = start(rng);
  bool moved = true;
  while (moved && is_above(draft)) moved = move(Way::kNarrower, draft, rng);
  while (moved && is_below(draft)) moved = move(Way::kWider, draft, rng);
  if (moved) return draft.genome;
  note_miss(draft);
  return std::nullopt;
}

BudgetSampler::Draft BudgetSampler::start(std::mt19937_64& rng) const {
  Draft draft;
  for (const Gene& gene : space_.genes()) {
    draft.genome.push_back(static_cast<int>(uniform_index(rng, gene.candidates.size())));
  }
  price(draft);
  return draft;
}

void BudgetSampler::price(Draft& draft) const {
  draft.uses.clear();
  if (budgets_.empty()) return;
  const BitPolicy policy = space_.decode(draft.genome);
  for (const Budget& budget : budgets_) {
    draft.uses.push_back(budget.model->total(space_.network(), policy));
  }
}

bool BudgetSampler::is_above(const Draft& draft) const {
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    if (draft.uses[i] > budgets_[i].most) return true;
  }
  return false;
}

bool BudgetSampler::is_below(const Draft& draft) const {
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    if (draft.uses[i] < budgets_[i].least) return true;
  }
  return false;
}

// Narrower: some cost that is above its limit falls. Wider: some cost that is below its share
// rises, and none passes its limit. So no gene moves that has no part in what is off: with a limit
// on the size alone, activations stay as they were drawn.
bool BudgetSampler::helps(Way way, const Draft& from, const Draft& to) const {
  if (way == Way::kWider && is_above(to)) return false;
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    const double now = from.uses[i], then = to.uses[i];
    if (way == Way::kNarrower && now > budgets_[i].most && then < now) return true;
    if (way == Way::kWider && now < budgets_[i].least && then > now) return true;
  }
  return false;
}

bool BudgetSampler::move(Way way, Draft& draft, std::mt19937_64& rng) const {
  std::vector<std::size_t> genes(draft.genome.size());
  for (std::size_t g = 0; g < genes.size(); ++g) genes[g] = g;
  while (!genes.empty()) {
    const std::size_t pick = uniform_index(rng, genes.size());
    const std::size_t gene = genes[pick];
    const auto* next = neighbors(widths_[gene], draft.genome[gene], way == Way::kWider);
    if (next) {
      Draft moved = draft;
      moved.genome[gene] = any_of(*next, rng);
      price(moved);
      if (helps(way, draft, moved)) {
        draft = std::move(moved);
        return true;
      }
    }
    genes[pick] = genes.back();
    genes.pop_back();
  }
  return false;
}

void BudgetSampler::note_miss(const Draft& draft) {
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    Budget& budget = budgets_[i];
    const double use = draft.uses[i];
    if (use > budget.most) {
      budget.nearest_above = budget.above++ ? std::min(budget.nearest_above, use) : use;
    } else if (use < budget.least) {
      budget.nearest_below = budget.below++ ? std::max(budget.nearest_below, use) : use;
    }
  }
}

std::string BudgetSampler::misses() const {
  int most = 0;
  std::string text;
  for (const Budget& budget : budgets_) {
    const std::string limit = "limit of " + number(budget.most) + " on " + budget.cost;
    if (budget.above > most) {
      most = budget.above;
      text = std::to_string(most) + " random policies do not come below the " + limit +
             ", the nearest takes " + number(budget.nearest_above) +
             "; raise it or offer narrower widths";
    }
    if (budget.below > most) {
      most = budget.below;
      text = std::to_string(most) + " random policies do not use " +
             number(budget.least / budget.most) + " of the " + limit + ", the nearest uses " +
             number(budget.nearest_below) +
             "; lower search_algorithm.fill or the limit, or offer other widths";
    }
  }
  return text;
}

}  // namespace deneb::searches
