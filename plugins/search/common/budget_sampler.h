#pragma once

#include <deneb/search/search_algorithm.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace deneb::searches {

/// What a policy should cost.
struct CostRange {
  std::string cost;        ///< name of the cost model
  const CostModel* model;  ///< outlives whoever has the range
  double least, most;      ///< both inclusive, in the model's unit
};

/// The limits of the step, each with `fill` (0 .. 1) of it as the least.
std::vector<CostRange> limit_ranges(const SearchSetup& setup, double fill);
bool is_within(const CostRange& range, const NetworkInfo& network, const BitPolicy& policy);

/// Draws genomes whose costs lie within every range. A genome starts with every gene uniform among
/// its candidates; genes drawn at random are narrowed by one width while a cost is above its range,
/// then widened while one is below. Rejection alone would hardly ever meet a budget that is far
/// from that of the mean width.
class BudgetSampler {
 public:
  /// Keeps a reference to the space.
  BudgetSampler(const SearchSpace& space, const std::vector<CostRange>& ranges);

  /// One random start; nothing when no gene can be moved further and a cost is still off.
  std::optional<std::vector<int>> draw(std::mt19937_64& rng);

  /// Which limit most draws missed, how near they came and what to do; "" while none has.
  std::string misses() const;

 private:
  struct Budget : CostRange {
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
  std::vector<Budget> budgets_;
  /// Per gene: its candidates by width, narrowest first. Formats of equal width (e4m3, e5m2) share
  /// an entry, since a move between them would change no cost.
  std::vector<std::vector<std::vector<int>>> widths_;
};

}  // namespace deneb::searches
