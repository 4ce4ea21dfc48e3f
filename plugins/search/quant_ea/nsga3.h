#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "categorical_variation.h"
#include "environmental_selection.h"
#include "nsga3_state.h"
#include "reference_points.h"

namespace deneb::quant_ea {

/// How offspring are made from two parents.
enum class Variation {
  /// Simulated binary crossover; real genes then mutate polynomially. Integer genes are rounded
  /// after the crossover and mutate like categorical ones, because a polynomial step with a usual
  /// index is too short to reach the next integer.
  kSbx,
  kCategoricalUniform,   ///< uniform crossover by gene group; all-integer problems only
  kCategoricalTwoPoint,  ///< two-point crossover, both ends inclusive; all-integer problems only
  /// The operators of Vega's QuantEA; all-integer problems only. p_cr, p_m and mutation are unused.
  kVegaSegment,
};

/// Settings of NSGA-III; the defaults are those of Deb and Jain 2014, table II.
struct Nsga3Options {
  unsigned gen = 1;        ///< generations of one call of evolve()
  unsigned divisions = 0;  ///< paper_layout() of the reference points; 0 takes fitting_layout()
  double p_cr = 1.0;       ///< probability that a pair crosses over, in [0, 1]
  double eta_c = 30.0;     ///< distribution index of the crossover, in [1, 100)
  double p_m = -1.0;       ///< probability that a gene mutates, in [0, 1]; negative: 1 / genes
  double eta_m = 20.0;     ///< distribution index of the mutation, in [1, 100)
  unsigned seed = 0;       ///< used by the user-defined algorithm; the core is seeded by begin()
  Variation variation = Variation::kSbx;
  CategoricalMutation mutation = CategoricalMutation::kReset;
  /// Genes that kCategoricalUniform swaps and kGroupStep moves together, each gene exactly once.
  /// Empty: each on its own.
  GeneGroups gene_groups;

  template <typename Archive>
  void serialize(Archive& archive, unsigned) {
    archive& gen& divisions& p_cr& eta_c& p_m& eta_m& seed& variation& mutation& gene_groups;
  }
};

/// The problem as far as the core has to know it.
struct Nsga3Domain {
  Point lower;                 ///< smallest value of each gene
  Point upper;                 ///< largest value of each gene, above the smallest
  std::size_t integers = 0;    ///< so many genes at the end take integers only, as in pagmo
  std::size_t objectives = 2;  ///< at least 2, all minimized
  std::size_t population = 4;  ///< at least 4, even or odd
};

/// Throws std::invalid_argument for settings outside the documented ranges.
void check_options(const Nsga3Options& options);

/// Whether the caller has seen a genome before. Genomes earlier in the same batch need not be
/// reported, the core compares with these itself.
using DuplicateFilter = std::function<bool(const Point& genome)>;

/// NSGA-III without evaluations: the caller asks for offspring, evaluates them in any way and
/// order, and tells their fitness. Immutable after construction: one object may serve many states,
/// also from several threads at once as long as each has a state of its own.
///
///     Nsga3State state = core.begin(seed);
///     core.sample(state, 32, seen);                       // or core.propose(state, genomes)
///     core.tell(state, evaluate(state.offspring));        // warm-up, selects the population
///     while (...) { core.ask(state, seen);  save(state);  core.tell(state, evaluate(...)); }
///
/// ask() and sample() return the waiting batch again if there is one. A state that was saved after
/// ask() therefore resumes with the same genomes, whatever the filter has learned in between.
class Nsga3Core {
 public:
  /// Throws std::invalid_argument for settings or a domain outside the documented ranges, for a
  /// categorical variation of a problem with real genes, and for divisions that give more reference
  /// points than members.
  Nsga3Core(Nsga3Options options, Nsga3Domain domain);

  const Points& reference_points() const { return references_; }
  const ReferenceLayout& layout() const { return layout_; }
  const Nsga3Domain& domain() const { return domain_; }

  /// An empty state with a seeded generator.
  static Nsga3State begin(std::uint64_t seed);

  /// Makes `count` random genomes the waiting batch. Draws that are duplicates are repeated up to
  /// 20 times each.
  const Points& sample(Nsga3State& state, std::size_t count,
                       const DuplicateFilter& is_duplicate = {}) const;

  /// Makes the given genomes the waiting batch, replacing one that waits (anchors next to samples,
  /// a population from elsewhere). Throws std::invalid_argument if one lies outside the domain.
  const Points& propose(Nsga3State& state, Points genomes) const;

  /// Makes one offspring for each member the waiting batch. With a filter a duplicate is varied
  /// anew up to 20 times, then drawn at random up to 20 times, then accepted. With an archive every
  /// parent is a member or one of the archive, equally likely, and a duplicate's parents are drawn
  /// anew as well; without one each member is parent once, as in the paper.
  const Points& ask(Nsga3State& state, const DuplicateFilter& is_duplicate = {},
                    const Points& archive = {}) const;

  /// Selects the next population out of the present one and the waiting batch, whose fitness this
  /// is. Returns the survivors' indices in [population, batch], ascending, which is also their
  /// order in the new population. Throws std::invalid_argument, and changes nothing, if the number
  /// of rows differs from the batch, if a value is NaN or infinite, or if fewer rows than a
  /// population exist.
  std::vector<std::size_t> tell(Nsga3State& state, const Points& fitness) const;

 private:
  using Children = std::pair<Point, Point>;

  void check_state(const Nsga3State& state) const;
  void check_genome(const Point& genome, std::size_t index) const;
  Point random_point(Rng& rng) const;
  Point fresh_child(const std::function<Point()>& make, const Points& batch,
                    const DuplicateFilter& is_duplicate, Rng& rng) const;
  Points paired_offspring(Nsga3State& state, const DuplicateFilter& is_duplicate) const;
  Points drawn_offspring(Nsga3State& state, const DuplicateFilter& is_duplicate,
                         const Points& archive) const;
  Children vary(const Point& first, const Point& second, Rng& rng) const;
  Children vary_real(const Point& first, const Point& second, Rng& rng) const;
  Children vary_categorical(const Point& first, const Point& second, Rng& rng) const;
  void mutate_integers(Point& genome, Rng& rng) const;

  Nsga3Options options_;
  Nsga3Domain domain_;
  ReferenceLayout layout_;
  Points references_;
  double p_gene_ = 0.0;          // probability that a gene mutates
  GeneGroups integer_groups_;    // of the integer genes, counted from the first of them
  std::vector<int> candidates_;  // largest index of each integer gene, counted from its lower bound
};

}  // namespace deneb::quant_ea
