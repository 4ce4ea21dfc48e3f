#include "generations.h"

#include <deneb/random.h>

#include <algorithm>
#include <optional>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/maco.hpp>
#include <pagmo/algorithms/moead.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/algorithms/nspso.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "pagmo_nsga3.h"

namespace deneb::quant_ea {
namespace {

constexpr double kChangesPerChild = 0.5;      // mutated genes, unless a probability is given
constexpr double kMostNsga2Crossover = 0.95;  // pagmo's default; it refuses 1
constexpr unsigned kVegaRetries = 20;
constexpr unsigned kMoeadNeighbors = 20;  // pagmo's default, as far as the population has so many

// Weight and activation width of a layer cross over together, as far as it has both; genes that
// several layers share go with the first of them.
GeneGroups gene_groups(const SearchSpace& space) {
  GeneGroups groups;
  std::vector<bool> used(space.genes().size(), false);
  for (const LayerGenes& genes : space.layer_genes()) {
    std::vector<std::size_t> group;
    for (const std::optional<std::size_t>& gene : {genes.weight, genes.activation}) {
      if (!gene || used[*gene]) continue;
      group.push_back(*gene);
      used[*gene] = true;
    }
    if (!group.empty()) groups.push_back(group);
  }
  return groups;
}

double mutation_probability(const QuantEaOptions& options, const SearchSpace& space) {
  if (options.mutation_probability > 0) return options.mutation_probability;
  return kChangesPerChild / static_cast<double>(space.genes().size());
}

Nsga3Options nsga3_options(const QuantEaOptions& options, const SearchSpace& space) {
  Nsga3Options o;
  o.divisions = static_cast<unsigned>(options.divisions);
  o.p_cr = options.crossover_probability;
  o.p_m = mutation_probability(options, space);
  o.variation = options.crossover == "uniform" ? Variation::kCategoricalUniform
                                               : Variation::kCategoricalTwoPoint;
  o.mutation = options.mutation == "reset"  ? CategoricalMutation::kReset
               : options.mutation == "step" ? CategoricalMutation::kStep
                                            : CategoricalMutation::kGroupStep;
  o.gene_groups = gene_groups(space);
  return o;
}

Nsga3Domain domain_of(const QuantEaOptions& options, const SearchSpace& space) {
  Nsga3Domain domain;
  for (const Gene& gene : space.genes()) {
    domain.lower.push_back(0);
    domain.upper.push_back(static_cast<double>(gene.candidates.size() - 1));
  }
  domain.integers = domain.upper.size();
  domain.objectives = options.objectives.size();
  domain.population = static_cast<std::size_t>(options.policy.num_individual);
  return domain;
}

// Any of pagmo's algorithms and NSGA-III, a generation at a time.
class PagmoGenerations final : public Generations {
 public:
  PagmoGenerations(Nsga3Core core, std::uint64_t seed, pagmo::problem problem,
                   pagmo::algorithm algorithm)
      : core_(std::move(core)),
        seed_(seed),
        population_(std::move(problem), 0u, 0u),
        algorithm_(std::move(algorithm)) {}

  // The first population is chosen as NSGA-III chooses, for all of them.
  void begin(const Points& genomes, const Points& rows) override {
    Nsga3State state = Nsga3Core::begin(seed_);
    core_.propose(state, genomes);
    core_.tell(state, rows);
    for (std::size_t i = 0; i < state.genomes.size(); ++i) {
      population_.push_back(state.genomes[i], state.fitness[i]);
    }
  }
  void next() override { population_ = algorithm_.evolve(population_); }

 private:
  Nsga3Core core_;
  std::uint64_t seed_;
  pagmo::population population_;
  pagmo::algorithm algorithm_;
};

// As Vega does it: no survival selection, parents are drawn from the Pareto set of all trials.
class VegaGenerations final : public Generations {
 public:
  VegaGenerations(const QuantEaOptions& options, std::mt19937_64 rng,
                  std::shared_ptr<TrialArchive> archive, std::shared_ptr<std::string> origin)
      : individuals_(options.policy.num_individual),
        rng_(rng),
        archive_(std::move(archive)),
        origin_(std::move(origin)) {}

  void begin(const Points&, const Points&) override {}
  void next() override {
    Points batch;
    for (int i = 0; i < individuals_; ++i) {
      Point child = offspring();
      // As NSGA-III does: what breaks a limit or was tried before is varied anew a few times.
      for (unsigned retry = 0; retry < kVegaRetries && archive_->avoid(child); ++retry) {
        child = offspring();
      }
      batch.push_back(child);
    }
    // Differs from Vega (quant_ea.py): a generation is one batch, so that its trials can run in
    // parallel; Vega looks at the archive anew for every child.
    archive_->evaluate(batch, *origin_);
  }

 private:
  Point offspring() {
    const std::vector<std::size_t>& front = archive_->front();
    const std::size_t a = uniform_index(rng_, front.size());
    std::size_t b = a;
    while (front.size() > 1 && b == a) b = uniform_index(rng_, front.size());
    const auto genome = [&](std::size_t i) {
      const Point& genes = archive_->genome(front[i]);
      return IntGenome(genes.begin(), genes.end());
    };
    const IntGenome child = vega_child(genome(a), genome(b), archive_->upper(), rng_);
    return {child.begin(), child.end()};
  }

  int individuals_;
  std::mt19937_64 rng_;
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
};

Nsga3 nsga3(const QuantEaOptions& options, const SearchSpace& space, unsigned seed,
            const std::shared_ptr<TrialArchive>& archive) {
  Nsga3 nsga3(nsga3_options(options, space));
  nsga3.set_seed(seed);
  nsga3.set_bfe(pagmo::bfe(pagmo::member_bfe{}));
  nsga3.set_duplicate_filter([archive](const Point& genome) { return archive->avoid(genome); });
  if (options.parents == "archive") {
    nsga3.set_archive([archive] {
      Points genomes;
      for (const std::size_t i : archive->front()) genomes.push_back(archive->genome(i));
      return genomes;
    });
  }
  return nsga3;
}

// Each generation is one batch, whose trials the workers share.
template <class Algorithm>
pagmo::algorithm in_batches(Algorithm algorithm) {
  algorithm.set_bfe(pagmo::bfe(pagmo::member_bfe{}));
  return pagmo::algorithm(std::move(algorithm));
}

pagmo::algorithm pagmo_algorithm(const QuantEaOptions& options, const SearchSpace& space,
                                 unsigned seed) {
  const auto members = static_cast<unsigned>(options.policy.num_individual);
  if (options.strategy == "nsga2") {
    return in_batches(pagmo::nsga2(1u, std::min(options.crossover_probability, kMostNsga2Crossover),
                                   10.0, mutation_probability(options, space), 50.0, seed));
  }
  if (options.strategy == "nspso") {
    return in_batches(
        pagmo::nspso(1u, 0.6, 2.0, 2.0, 1.0, 0.5, 60u, "crowding distance", /*memory=*/true, seed));
  }
  if (options.strategy == "maco") {
    return in_batches(
        pagmo::maco(1u, /*ker=*/members, 1.0, 1u, 7u, 100000u, 0.0, /*memory=*/true, seed));
  }
  // Low discrepancy, since a grid fits few population sizes. A trial at a time: no batches.
  return pagmo::algorithm(pagmo::moead(1u, "low discrepancy", "tchebycheff",
                                       std::min(kMoeadNeighbors, members - 1), 1.0, 0.5, 20.0, 0.9,
                                       2u, true, seed));
}

}  // namespace

Generations::~Generations() = default;

Nsga3Core nsga3_core(const QuantEaOptions& options, const SearchSpace& space) {
  return Nsga3Core(nsga3_options(options, space), domain_of(options, space));
}

std::unique_ptr<Generations> make_generations(const QuantEaOptions& options,
                                              const SearchContext& context,
                                              std::shared_ptr<TrialArchive> archive,
                                              std::shared_ptr<std::string> origin) {
  if (options.strategy == "vega_archive") {
    return std::make_unique<VegaGenerations>(options, context.rng("vega"), archive, origin);
  }
  const auto seed = static_cast<unsigned>(context.seed("generations"));
  // pagmo's moead and nspso move in real numbers.
  const bool real = options.strategy == "moead" || options.strategy == "nspso";
  const TrialProblem problem(archive, origin,
                             real                          ? TrialProblem::Genes::kRounded
                             : options.strategy == "nsga3" ? TrialProblem::Genes::kInteger
                                                           : TrialProblem::Genes::kTwoOrMore);
  return std::make_unique<PagmoGenerations>(
      nsga3_core(options, context.space()), context.seed("first population"),
      pagmo::problem(problem),
      options.strategy == "nsga3" ? pagmo::algorithm(nsga3(options, context.space(), seed, archive))
                                  : pagmo_algorithm(options, context.space(), seed));
}

}  // namespace deneb::quant_ea
