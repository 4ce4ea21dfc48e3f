#pragma once

#include <deneb/search/search_algorithm.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace deneb::random_search {

/// Draws genomes that use between `fill` and all of every limit. A genome starts with every gene
/// uniform among its candidates; genes drawn at random are narrowed by one width while a cost is
/// above its limit, then widened while one is below its share. Rejection alone would hardly ever
/// meet a budget that is far from that of the mean width.
class BudgetSampler {
 public:
  /// Keeps references to the context's space and cost models.
  BudgetSampler(const SearchContext& context, double fill);

  /// One random start; nothing when no gene can be moved further and a cost is still off.
  std::optional<std::vector<int>> draw(std::mt19937_64& rng);

  /// Which limit most draws missed, how near they came and what to do; "" while none has.
  std::string misses() const;

 private:
  struct Budget {
    std::string cost;
    const CostModel* model;
    double least, most;
    int above = 0, below = 0;                     // draws that ended there
    double nearest_above = 0, nearest_below = 0;  // what they used
  };
  struct Draft {
    std::vector<int> genome;
    std::vector<double> uses;  // by budget
  };
  enum class Way { kNarrower, kWider };

  Draft start(std::mt19937_64& rng) const;
  void price(Draft& draft) const;
  bool is_above(const Draft& draft) const;
  bool is_below(const Draft& draft) const;
  bool helps(Way way, const Draft& from, const Draft& to) const;
  bool move(Way way, Draft& draft, std::mt19937_64& rng) const;
  void note_miss(const Draft& draft);

  const SearchSpace& space_;
  double fill_;
  std::vector<Budget> budgets_;
  /// Per gene: its candidates by width, narrowest first. Formats of equal width (e4m3, e5m2) share
  /// an entry, since a move between them would change no cost.
  std::vector<std::vector<std::vector<int>>> widths_;
};

}  // namespace deneb::random_search
