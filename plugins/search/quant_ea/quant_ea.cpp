#include <deneb/plugin/plugin.h>
#include <deneb/random.h>
#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <optional>
#include <pagmo/algorithm.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "pagmo_nsga3.h"
#include "quant_ea_options.h"
#include "trial_problem.h"

namespace {

using namespace deneb::quant_ea;
using deneb::Objective;
using deneb::SearchSpace;

// Weight and activation width of a layer cross over together, as far as it has both; genes that
// several layers share go with the first of them.
GeneGroups gene_groups(const SearchSpace& space) {
  GeneGroups groups;
  std::vector<bool> used(space.genes().size(), false);
  for (const deneb::LayerGenes& genes : space.layer_genes()) {
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

Nsga3Options nsga3_options(const QuantEaOptions& options, const SearchSpace& space,
                           std::uint64_t seed) {
  Nsga3Options o;
  o.gen = 1;
  o.divisions = static_cast<unsigned>(options.divisions);
  o.p_cr = options.crossover_probability;
  o.p_m = options.mutation_probability > 0 ? options.mutation_probability : -1;
  o.seed = static_cast<unsigned>(seed);
  o.variation = options.crossover == "uniform" ? Variation::kCategoricalUniform
                                               : Variation::kCategoricalTwoPoint;
  o.mutation =
      options.mutation == "reset" ? CategoricalMutation::kReset : CategoricalMutation::kStep;
  o.gene_groups = gene_groups(space);
  return o;
}

Nsga3Domain domain_of(const QuantEaOptions& options, const SearchSpace& space) {
  Nsga3Domain domain;
  for (const deneb::Gene& gene : space.genes()) {
    domain.lower.push_back(0);
    domain.upper.push_back(static_cast<double>(gene.candidates.size() - 1));
  }
  domain.integers = domain.upper.size();
  domain.objectives = options.objectives.size();
  domain.population = static_cast<std::size_t>(options.policy.num_individual);
  return domain;
}

/// One search: the archive of all trials and the loop over generations.
class Search {
 public:
  Search(const QuantEaOptions& options, deneb::SearchContext& context)
      : options_(options),
        context_(context),
        archive_(std::make_shared<TrialArchive>(
            context, deneb::searches::find_objectives(options.objectives, context.measures()))),
        origin_(std::make_shared<std::string>()),
        problem_(TrialProblem(archive_, origin_)),
        repair_rng_(context.rng("repair")) {}

  deneb::SearchResult run() {
    options_.strategy == "nsga3" ? run_nsga3() : run_vega();
    return {
        deneb::pareto_candidates(archive_->policies(), archive_->results(), archive_->objectives()),
        archive_->objectives()};
  }

 private:
  void show(int generation) const {
    const auto front = archive_->front();
    context_.progress(generation, options_.policy.num_generation,
                      "generation " + std::to_string(generation) + ": " +
                          std::to_string(archive_->results().size()) + " policies, " +
                          std::to_string(front.size()) + " in the front");
  }

  // Brings random samples within the limits and adds the anchors: the uniform policies, which every
  // result is compared with.
  void complete_samples(Points& genomes) {
    for (Point& genome : genomes) archive_->repair(genome, repair_rng_);
    if (!options_.anchors) return;
    for (const std::vector<int>& genome : context_.space().uniform()) {
      const Point anchor(genome.begin(), genome.end());
      if (archive_->within_limits(anchor)) genomes.push_back(anchor);
    }
  }

  // Random samples and anchors; the best of them are the first population.
  Nsga3State first_population(const Nsga3Core& core) {
    Nsga3State state = Nsga3Core::begin(context_.seed("samples"));
    *origin_ = "random";
    const auto avoid = [this](const Point& g) { return archive_->avoid(g); };
    Points genomes =
        core.sample(state, static_cast<std::size_t>(options_.policy.random_samples), avoid);
    complete_samples(genomes);
    core.propose(state, genomes);
    core.tell(state, archive_->evaluate(genomes, *origin_));
    return state;
  }

  void run_nsga3() {
    const Nsga3Options settings =
        nsga3_options(options_, context_.space(), context_.seed("generations"));
    const Nsga3Core core(settings, domain_of(options_, context_.space()));
    const Nsga3State first = first_population(core);
    pagmo::population population(problem_, 0u, 0u);
    for (std::size_t i = 0; i < first.genomes.size(); ++i) {
      population.push_back(first.genomes[i], first.fitness[i]);
    }
    show(0);
    Nsga3 nsga3(settings);
    nsga3.set_seed(settings.seed);
    nsga3.set_bfe(pagmo::bfe(pagmo::member_bfe{}));
    nsga3.set_duplicate_filter([archive = archive_](const Point& g) { return archive->avoid(g); });
    const pagmo::algorithm algorithm(nsga3);
    for (int generation = 1; generation <= options_.policy.num_generation; ++generation) {
      *origin_ = "generation " + std::to_string(generation);
      population = algorithm.evolve(population);
      show(generation);
    }
  }

  // As Vega does it: no survival selection, parents are drawn from the Pareto set of all trials.
  void run_vega() {
    std::mt19937_64 rng = context_.rng("vega");
    std::vector<int> upper;
    for (const deneb::Gene& gene : context_.space().genes()) {
      upper.push_back(static_cast<int>(gene.candidates.size()) - 1);
    }
    Points batch;
    for (int i = 0; i < options_.policy.random_samples; ++i) {
      const IntGenome genome = random_genome(upper, rng);
      batch.emplace_back(genome.begin(), genome.end());
    }
    complete_samples(batch);
    archive_->evaluate(batch, "random");
    show(0);
    for (int generation = 1; generation <= options_.policy.num_generation; ++generation) {
      const std::vector<std::size_t> front = archive_->front();
      batch.clear();
      for (int i = 0; i < options_.policy.num_individual; ++i) {
        Point child = vega_offspring(front, upper, rng);
        // As NSGA-III does: what breaks a limit or was tried before is varied anew a few times.
        for (int retry = 0; retry < kRetries && archive_->avoid(child); ++retry) {
          child = vega_offspring(front, upper, rng);
        }
        batch.push_back(child);
      }
      // Differs from Vega (quant_ea.py): a generation is one batch, so that its trials can run in
      // parallel; Vega looks at the archive anew for every child.
      archive_->evaluate(batch, "generation " + std::to_string(generation));
      show(generation);
    }
  }

  Point vega_offspring(const std::vector<std::size_t>& front, const std::vector<int>& upper,
                       std::mt19937_64& rng) const {
    const std::size_t a = deneb::uniform_index(rng, front.size());
    std::size_t b = a;
    while (front.size() > 1 && b == a) b = deneb::uniform_index(rng, front.size());
    const IntGenome child =
        vega_child(archive_->genome(front[a]), archive_->genome(front[b]), upper, rng);
    return {child.begin(), child.end()};
  }

  static constexpr int kRetries = 20;
  const QuantEaOptions& options_;
  deneb::SearchContext& context_;
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
  pagmo::problem problem_;
  std::mt19937_64 repair_rng_;
};

class QuantEa final : public deneb::SearchAlgorithm {
 public:
  using Options = QuantEaOptions;
  explicit QuantEa(const Options& options) : options_(options) {}

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::find_objectives(options_.objectives, setup.measures());
    const SearchSpace& space = setup.space();
    const std::size_t genes = space.genes().size();
    if (options_.policy.length != 0 && static_cast<std::size_t>(options_.policy.length) != genes) {
      throw deneb::ConfigError("search_algorithm.policy.length: is " +
                               std::to_string(options_.policy.length) + ", the search space has " +
                               std::to_string(genes) + " genes; set 0 to take that");
    }
    for (const deneb::Gene& gene : space.genes()) {
      if (gene.candidates.size() < 2) {
        throw deneb::ConfigError(
            "search_space: QuantEA needs two or more candidates per gene; layer '" +
            space.network().layers[gene.layers.front()].name + "' has one for its " +
            (gene.role == deneb::Gene::Role::kActivation ? "activation" : "weight"));
      }
    }
    try {
      Nsga3Core(nsga3_options(options_, space, 0), domain_of(options_, space));
    } catch (const std::invalid_argument& e) {
      throw deneb::ConfigError(std::string("search_algorithm: ") + e.what());
    }
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    return Search(options_, context).run();
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, QuantEa>(
      "QuantEA", "multi-objective evolution of bit-widths with NSGA-III (pagmo)");
}

}  // namespace

DENEB_PLUGIN("quant_ea", "0.1.0", "QuantEA: NSGA-III over the widths of all layers", register_all);
