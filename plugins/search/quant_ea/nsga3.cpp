#include "nsga3.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <sstream>

#include <deneb/random.h>

#include "real_variation.h"
#include "reject.h"

namespace deneb::quant_ea {
namespace {

constexpr unsigned kDuplicateRetries = 20;
constexpr double kArchiveShare = 0.5;     // of the parents that come from an archive
constexpr double kSwapProbability = 0.5;  // of a gene in uniform and simulated binary crossover

template <typename Value>
void check_range(const char* name, Value value, bool fits, const char* expected) {
  if (fits) return;
  std::ostringstream text;
  text << name << " is " << value << ", expected " << expected;
  reject(text.str());
}

void check_domain(const Nsga3Domain& domain) {
  check_range("number of objectives", domain.objectives, domain.objectives >= 2,
              "at least 2; use a single-objective algorithm instead");
  check_range("population size", domain.population, domain.population >= 4, "at least 4");
  const std::size_t genes = domain.lower.size();
  if (genes == 0 || domain.upper.size() != genes || domain.integers > genes) {
    reject("the domain has " + std::to_string(genes) + " lower and " +
           std::to_string(domain.upper.size()) + " upper bounds and " +
           std::to_string(domain.integers) +
           " integer genes, expected one bound of each kind per gene and at least one gene");
  }
  for (std::size_t gene = 0; gene < genes; ++gene) {
    const double lower = domain.lower[gene];
    const double upper = domain.upper[gene];
    const bool integer = gene >= genes - domain.integers;
    const bool whole = !integer || (std::floor(lower) == lower && std::floor(upper) == upper &&
                                    upper - lower <= std::numeric_limits<int>::max());
    // A gene of one candidate is a decision made.
    const bool ordered = integer ? lower <= upper : lower < upper;
    if (std::isfinite(upper - lower) && ordered && whole) continue;
    std::ostringstream text;
    text << "gene " << gene << " has the bounds [" << lower << ", " << upper
         << "], expected finite ones with lower "
         << (integer ? "<= upper, both integers" : "< upper")
         << "; leave real genes that cannot change out of the problem";
    reject(text.str());
  }
}

bool happens(double probability, Rng& rng) { return uniform_real(rng) < probability; }

// The batch so far decides too: a filter that looks at finished trials cannot know it.
bool is_known(const Point& genome, const Points& batch, const DuplicateFilter& is_duplicate) {
  if (!is_duplicate) return false;
  return std::find(batch.begin(), batch.end(), genome) != batch.end() || is_duplicate(genome);
}

}  // namespace

void check_options(const Nsga3Options& options) {
  check_range("p_cr", options.p_cr, options.p_cr >= 0.0 && options.p_cr <= 1.0,
              "a probability in [0, 1]");
  check_range("eta_c", options.eta_c, options.eta_c >= 1.0 && options.eta_c < 100.0, "[1, 100)");
  check_range("p_m", options.p_m, options.p_m <= 1.0,
              "a probability in [0, 1], or a negative number for 1 / genes");
  check_range("eta_m", options.eta_m, options.eta_m >= 1.0 && options.eta_m < 100.0, "[1, 100)");
}

Nsga3Core::Nsga3Core(Nsga3Options options, Nsga3Domain domain)
    : options_(std::move(options)), domain_(std::move(domain)) {
  check_options(options_);
  check_domain(domain_);
  const std::size_t genes = domain_.lower.size();
  if (options_.variation != Variation::kSbx && domain_.integers != genes) {
    reject("a categorical variation needs integer genes only, found " +
           std::to_string(genes - domain_.integers) + " real ones; use SBX");
  }
  if (options_.gene_groups.empty()) options_.gene_groups = single_genes(genes);
  check_groups(options_.gene_groups, genes);
  integer_groups_ =
      domain_.integers == genes ? options_.gene_groups : single_genes(domain_.integers);
  std::size_t open = 0;  // genes that can change
  for (std::size_t gene = 0; gene < genes; ++gene) {
    open += domain_.lower[gene] < domain_.upper[gene];
  }
  if (open == 0) reject("no gene can change; widen the bounds of one");
  p_gene_ = options_.p_m < 0.0 ? 1.0 / static_cast<double>(open) : options_.p_m;
  for (std::size_t gene = genes - domain_.integers; gene < genes; ++gene) {
    candidates_.push_back(static_cast<int>(domain_.upper[gene] - domain_.lower[gene]));
  }

  layout_ = options_.divisions > 0 ? paper_layout(domain_.objectives, options_.divisions)
                                   : fitting_layout(domain_.objectives, domain_.population);
  const std::size_t points = reference_point_count(domain_.objectives, layout_);
  if (options_.divisions > 0 && points > domain_.population) {
    reject(std::to_string(options_.divisions) + " divisions give " + std::to_string(points) +
           " reference points, more than the population of " + std::to_string(domain_.population) +
           " can fill; use a larger population or fewer divisions (0 takes what fits)");
  }
  references_ = quant_ea::reference_points(domain_.objectives, layout_);
}

Nsga3State Nsga3Core::begin(std::uint64_t seed) {
  Nsga3State state;
  state.rng.seed(seed);
  return state;
}

const Points& Nsga3Core::sample(Nsga3State& state, std::size_t count,
                                const DuplicateFilter& is_duplicate) const {
  if (!state.offspring.empty()) return state.offspring;
  Points batch;
  while (batch.size() < count) {
    Point genome = random_point(state.rng);
    for (unsigned retry = 0; retry < kDuplicateRetries; ++retry) {
      if (!is_known(genome, batch, is_duplicate)) break;
      genome = random_point(state.rng);
    }
    batch.push_back(std::move(genome));
  }
  state.offspring = std::move(batch);
  return state.offspring;
}

const Points& Nsga3Core::propose(Nsga3State& state, Points genomes) const {
  for (std::size_t i = 0; i < genomes.size(); ++i) check_genome(genomes[i], i);
  state.offspring = std::move(genomes);
  return state.offspring;
}

const Points& Nsga3Core::ask(Nsga3State& state, const DuplicateFilter& is_duplicate,
                             const Points& archive) const {
  if (!state.offspring.empty()) return state.offspring;
  check_state(state);
  for (std::size_t i = 0; i < archive.size(); ++i) check_genome(archive[i], i);
  state.offspring = archive.empty() ? paired_offspring(state, is_duplicate)
                                    : drawn_offspring(state, is_duplicate, archive);
  return state.offspring;
}

Point Nsga3Core::fresh_child(const std::function<Point()>& make, const Points& batch,
                             const DuplicateFilter& is_duplicate, Rng& rng) const {
  Point child = make();
  for (unsigned retry = 0; retry < 2 * kDuplicateRetries; ++retry) {
    if (!is_known(child, batch, is_duplicate)) break;
    child = retry < kDuplicateRetries ? make() : random_point(rng);
  }
  return child;
}

Points Nsga3Core::paired_offspring(Nsga3State& state, const DuplicateFilter& is_duplicate) const {
  // Differs from Deb and Jain 2014 only for odd populations: the last member has the first of the
  // shuffled ones as its partner and leaves one child.
  std::vector<std::size_t> order(domain_.population);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[uniform_index(state.rng, i)]);
  }
  Points batch;
  for (std::size_t i = 0; i < order.size(); i += 2) {
    const Point& first = state.genomes[order[i]];
    const Point& second = state.genomes[order[(i + 1) % order.size()]];
    Children children = vary(first, second, state.rng);
    for (Point* child : {&children.first, &children.second}) {
      if (batch.size() == order.size()) break;
      const bool is_first = child == &children.first;
      bool made = false;
      const auto make = [&] {
        if (!made) {
          made = true;
          return *child;
        }
        Children again = vary(first, second, state.rng);
        return is_first ? again.first : again.second;
      };
      batch.push_back(fresh_child(make, batch, is_duplicate, state.rng));
    }
  }
  return batch;
}

Points Nsga3Core::drawn_offspring(Nsga3State& state, const DuplicateFilter& is_duplicate,
                                  const Points& archive) const {
  const auto parent = [&]() -> const Point& {
    const Points& from = happens(kArchiveShare, state.rng) ? archive : state.genomes;
    return from[uniform_index(state.rng, from.size())];
  };
  const auto make = [&] {
    const Point& first = parent();
    return vary(first, parent(), state.rng).first;
  };
  Points batch;
  while (batch.size() < domain_.population) {
    batch.push_back(fresh_child(make, batch, is_duplicate, state.rng));
  }
  return batch;
}

std::vector<std::size_t> Nsga3Core::tell(Nsga3State& state, const Points& fitness) const {
  if (fitness.size() != state.offspring.size()) {
    reject("fitness for " + std::to_string(fitness.size()) + " individuals was told, expected " +
           std::to_string(state.offspring.size()) + ", the size of the batch that was asked for");
  }
  require_finite(fitness, domain_.objectives, "NSGA-III");
  Points pool = state.fitness;
  pool.insert(pool.end(), fitness.begin(), fitness.end());
  if (pool.size() < domain_.population) {
    reject("the first selection has " + std::to_string(pool.size()) +
           " individuals, expected at least the population size " +
           std::to_string(domain_.population));
  }
  const bool first = state.genomes.empty();
  NormalizationMemory memory = state.memory;
  Rng rng = state.rng;
  const std::vector<std::size_t> survivors =
      environmental_selection(pool, domain_.population, references_, memory, rng);

  Points genomes;
  Points kept;
  for (std::size_t index : survivors) {
    const std::size_t parents = state.genomes.size();
    genomes.push_back(index < parents ? state.genomes[index] : state.offspring[index - parents]);
    kept.push_back(pool[index]);
  }
  state.genomes = std::move(genomes);
  state.fitness = std::move(kept);
  state.offspring.clear();
  state.memory = std::move(memory);
  state.rng = rng;
  if (!first) ++state.generation;
  return survivors;
}

void Nsga3Core::check_state(const Nsga3State& state) const {
  if (state.genomes.size() != domain_.population || state.fitness.size() != domain_.population) {
    reject("the state holds " + std::to_string(state.genomes.size()) +
           " members, expected a population of " + std::to_string(domain_.population) +
           "; tell the fitness of a first batch before asking, and resume with unchanged settings");
  }
  for (std::size_t i = 0; i < state.genomes.size(); ++i) check_genome(state.genomes[i], i);
}

void Nsga3Core::check_genome(const Point& genome, std::size_t index) const {
  const std::size_t genes = domain_.lower.size();
  if (genome.size() != genes) {
    reject("genome " + std::to_string(index) + " has " + std::to_string(genome.size()) +
           " genes, expected " + std::to_string(genes));
  }
  for (std::size_t gene = 0; gene < genes; ++gene) {
    const double value = genome[gene];
    const bool inside = value >= domain_.lower[gene] && value <= domain_.upper[gene];
    const bool integer = gene >= genes - domain_.integers;
    if (inside && (!integer || std::floor(value) == value)) continue;
    std::ostringstream text;
    text << "gene " << gene << " of genome " << index << " is " << value << ", expected "
         << (integer ? "an integer" : "a number") << " in [" << domain_.lower[gene] << ", "
         << domain_.upper[gene] << "]";
    reject(text.str());
  }
}

Point Nsga3Core::random_point(Rng& rng) const {
  const std::size_t genes = domain_.lower.size();
  Point point;
  for (std::size_t gene = 0; gene < genes - domain_.integers; ++gene) {
    const double lower = domain_.lower[gene];
    point.push_back(lower + uniform_real(rng) * (domain_.upper[gene] - lower));
  }
  for (int index : random_genome(candidates_, rng)) {
    const double lower = domain_.lower[point.size()];
    point.push_back(lower + index);
  }
  return point;
}

Nsga3Core::Children Nsga3Core::vary(const Point& first, const Point& second, Rng& rng) const {
  return options_.variation == Variation::kSbx ? vary_real(first, second, rng)
                                               : vary_categorical(first, second, rng);
}

Nsga3Core::Children Nsga3Core::vary_real(const Point& first, const Point& second, Rng& rng) const {
  Children children{first, second};
  const std::size_t genes = first.size();
  const std::size_t reals = genes - domain_.integers;
  if (happens(options_.p_cr, rng)) {
    for (std::size_t gene = 0; gene < genes; ++gene) {
      if (!happens(kSwapProbability, rng)) continue;
      auto [low, high] = sbx_children(first[gene], second[gene], domain_.lower[gene],
                                      domain_.upper[gene], options_.eta_c, uniform_real(rng));
      if (gene >= reals) {
        low = std::round(low);
        high = std::round(high);
      }
      if (happens(kSwapProbability, rng)) std::swap(low, high);
      children.first[gene] = low;
      children.second[gene] = high;
    }
  }
  for (Point* child : {&children.first, &children.second}) {
    for (std::size_t gene = 0; gene < reals; ++gene) {
      if (!happens(p_gene_, rng)) continue;
      (*child)[gene] =
          quant_ea::polynomial_mutation((*child)[gene], domain_.lower[gene], domain_.upper[gene],
                                        options_.eta_m, uniform_real(rng));
    }
    mutate_integers(*child, rng);
  }
  return children;
}

void Nsga3Core::mutate_integers(Point& genome, Rng& rng) const {
  const std::size_t reals = genome.size() - domain_.integers;
  IntGenome indices;
  for (std::size_t gene = reals; gene < genome.size(); ++gene) {
    indices.push_back(static_cast<int>(genome[gene] - domain_.lower[gene]));
  }
  mutate(indices, candidates_, p_gene_, options_.mutation, integer_groups_, rng);
  for (std::size_t gene = reals; gene < genome.size(); ++gene) {
    genome[gene] = domain_.lower[gene] + indices[gene - reals];
  }
}

Nsga3Core::Children Nsga3Core::vary_categorical(const Point& first, const Point& second,
                                                Rng& rng) const {
  IntGenome one;
  IntGenome two;
  for (std::size_t gene = 0; gene < first.size(); ++gene) {
    one.push_back(static_cast<int>(first[gene] - domain_.lower[gene]));
    two.push_back(static_cast<int>(second[gene] - domain_.lower[gene]));
  }
  if (options_.variation == Variation::kVegaSegment) {
    IntGenome child = vega_child(one, two, candidates_, rng);
    two = vega_child(two, one, candidates_, rng);
    one = std::move(child);
  } else {
    if (happens(options_.p_cr, rng)) {
      if (options_.variation == Variation::kCategoricalUniform) {
        uniform_crossover(one, two, options_.gene_groups, kSwapProbability, rng);
      } else {
        two_point_crossover(one, two, rng);
      }
    }
    mutate(one, candidates_, p_gene_, options_.mutation, integer_groups_, rng);
    mutate(two, candidates_, p_gene_, options_.mutation, integer_groups_, rng);
  }
  Children children{first, second};
  for (std::size_t gene = 0; gene < first.size(); ++gene) {
    children.first[gene] = domain_.lower[gene] + one[gene];
    children.second[gene] = domain_.lower[gene] + two[gene];
  }
  return children;
}

}  // namespace deneb::quant_ea
