#include <deneb/plugin/plugin.h>
#include <deneb/random.h>
#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <pagmo/algorithm.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "nsga3.h"
#include "quant_ea_options.h"
#include "trial_problem.h"

namespace {

using namespace deneb::quant_ea;
using deneb::Direction;

std::vector<deneb::Objective> objectives_of(const QuantEaOptions& options) {
  std::vector<deneb::Objective> objectives;
  for (const ObjectiveOptions& o : options.objectives) {
    objectives.push_back(
        {o.name, o.direction == "max" ? Direction::kMaximize : Direction::kMinimize});
  }
  return objectives;
}

/// One search: the archive of all trials and the loop over generations.
class Search {
 public:
  Search(const QuantEaOptions& options, deneb::SearchContext& context)
      : options_(options),
        context_(context),
        archive_(std::make_shared<TrialArchive>(context, objectives_of(options))),
        origin_(std::make_shared<std::string>()),
        problem_(TrialProblem(archive_, origin_)) {
    const std::size_t genes = context.space().genes().size();
    if (options.policy.length != 0 && static_cast<std::size_t>(options.policy.length) != genes) {
      throw deneb::ConfigError("search_algorithm.policy.length: is " +
                               std::to_string(options.policy.length) + ", the search space has " +
                               std::to_string(genes) + " genes; set 0 to take that");
    }
    for (const deneb::Gene& gene : context.space().genes()) {
      if (gene.candidates.size() < 2) {
        throw deneb::ConfigError("search_space: QuantEA needs two or more candidates per gene");
      }
    }
  }

  deneb::SearchResult run() {
    options_.strategy == "nsga3" ? run_nsga3() : run_vega();
    return {
        deneb::pareto_candidates(archive_->policies(), archive_->results(), archive_->objectives()),
        archive_->objectives()};
  }

 private:
  Nsga3Options nsga3_options() const {
    Nsga3Options o;
    o.gen = 1;
    o.divisions = static_cast<unsigned>(options_.divisions);
    o.p_cr = options_.crossover_probability;
    o.p_m = options_.mutation_probability > 0 ? options_.mutation_probability : -1;
    o.seed = static_cast<unsigned>(context_.seed("generations"));
    o.variation = options_.crossover == "uniform" ? Variation::kCategoricalUniform
                                                  : Variation::kCategoricalTwoPoint;
    o.mutation =
        options_.mutation == "reset" ? CategoricalMutation::kReset : CategoricalMutation::kStep;
    o.gene_groups = gene_groups();
    return o;
  }

  // Weight and activation width of a layer cross over together; genes that several layers share
  // go with the first of them.
  GeneGroups gene_groups() const {
    GeneGroups groups;
    std::vector<bool> used(context_.space().genes().size(), false);
    for (const auto& [weight, activation] : context_.space().gene_pairs()) {
      std::vector<std::size_t> group;
      for (const std::size_t gene : {weight, activation}) {
        if (!used[gene]) group.push_back(gene);
        used[gene] = true;
      }
      if (!group.empty()) groups.push_back(group);
    }
    return groups;
  }

  void show(int generation) const {
    const auto front = archive_->front();
    context_.progress(generation, options_.policy.num_generation,
                      "generation " + std::to_string(generation) + ": " +
                          std::to_string(archive_->results().size()) + " policies, " +
                          std::to_string(front.size()) + " in the front");
  }

  // Random samples and anchors; the best of them are the first population.
  Nsga3State first_population(const Nsga3Core& core) {
    Nsga3State state = Nsga3Core::begin(context_.seed("samples"));
    *origin_ = "random";
    const auto avoid = [this](const Point& g) { return archive_->avoid(g); };
    Points genomes =
        core.sample(state, static_cast<std::size_t>(options_.policy.random_samples), avoid);
    if (options_.anchors) {
      for (const auto& anchor : {context_.space().narrowest(), context_.space().widest()}) {
        genomes.emplace_back(anchor.begin(), anchor.end());
      }
      core.propose(state, genomes);
    }
    core.tell(state, archive_->evaluate(genomes, *origin_));
    return state;
  }

  void run_nsga3() {
    const auto bounds = problem_.get_bounds();
    Nsga3Domain domain{bounds.first, bounds.second, bounds.first.size(), problem_.get_nobj(),
                       static_cast<std::size_t>(options_.policy.num_individual)};
    const Nsga3Core core(nsga3_options(), domain);
    const Nsga3State first = first_population(core);
    pagmo::population population(problem_, 0u, 0u);
    for (std::size_t i = 0; i < first.genomes.size(); ++i) {
      population.push_back(first.genomes[i], first.fitness[i]);
    }
    show(0);
    Nsga3 nsga3(nsga3_options());
    nsga3.set_seed(nsga3_options().seed);
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
    archive_->evaluate(batch, "random");
    show(0);
    for (int generation = 1; generation <= options_.policy.num_generation; ++generation) {
      const std::vector<std::size_t> front = archive_->front();
      if (front.empty()) throw deneb::RunError("QuantEA: every random sample failed");
      batch.clear();
      for (int i = 0; i < options_.policy.num_individual; ++i) {
        const std::size_t a = deneb::uniform_index(rng, front.size());
        std::size_t b = a;
        while (front.size() > 1 && b == a) b = deneb::uniform_index(rng, front.size());
        const IntGenome child =
            vega_child(archive_->genome(front[a]), archive_->genome(front[b]), upper, rng);
        batch.emplace_back(child.begin(), child.end());
      }
      // Differs from Vega (quant_ea.py): a generation is one batch, so that its trials can run in
      // parallel; Vega looks at the archive anew for every child.
      archive_->evaluate(batch, "generation " + std::to_string(generation));
      show(generation);
    }
  }

  const QuantEaOptions& options_;
  deneb::SearchContext& context_;
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
  pagmo::problem problem_;
};

class QuantEa final : public deneb::SearchAlgorithm {
 public:
  using Options = QuantEaOptions;
  explicit QuantEa(const Options& options) : options_(options) {}
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
