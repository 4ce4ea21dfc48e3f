#include "pagmo_nsga3.h"

#include <boost/serialization/optional.hpp>
#include <nlohmann/json.hpp>
#include <pagmo/problem.hpp>
#include <sstream>

#include "reject.h"

namespace deneb::quant_ea {
namespace {

Nsga3Domain domain_of(const pagmo::problem& problem, std::size_t population) {
  const std::string name = "problem '" + problem.get_name() + "' ";
  if (problem.get_nc() != 0) {
    reject(name + "has " + std::to_string(problem.get_nc()) +
           " constraints, expected none; turn them into penalties or reject such genomes earlier");
  }
  if (problem.is_stochastic()) {
    reject(name + "is stochastic, expected equal fitness for equal genomes; fix its seed");
  }
  Nsga3Domain domain;
  std::tie(domain.lower, domain.upper) = problem.get_bounds();
  domain.integers = problem.get_nix();
  domain.objectives = problem.get_nobj();
  domain.population = population;
  return domain;
}

Points evaluate(const pagmo::problem& problem, const Points& genomes,
                const boost::optional<pagmo::bfe>& evaluator) {
  Points fitness;
  if (!evaluator) {
    for (const Point& genome : genomes) fitness.push_back(problem.fitness(genome));
    return fitness;
  }
  Point flat;
  for (const Point& genome : genomes) flat.insert(flat.end(), genome.begin(), genome.end());
  const Point values = (*evaluator)(problem, flat);
  const auto objectives = static_cast<std::ptrdiff_t>(problem.get_nobj());
  for (auto row = values.begin(); row != values.end(); row += objectives) {
    fitness.emplace_back(row, row + objectives);
  }
  return fitness;
}

}  // namespace

Nsga3::Nsga3(Nsga3Options options) : options_(std::move(options)) {
  check_options(options_);
  state_ = Nsga3Core::begin(options_.seed);
}

pagmo::population Nsga3::evolve(pagmo::population population) const {
  const pagmo::problem& problem = population.get_problem();
  const Nsga3Core core(options_, domain_of(problem, population.size()));
  log_.clear();
  if (options_.gen == 0) return population;
  if (state_.genomes != population.get_x() || state_.fitness != population.get_f()) {
    // Another population than the one returned last: only the generator carries on.
    Nsga3State fresh;
    fresh.rng = state_.rng;
    core.propose(fresh, population.get_x());
    core.tell(fresh, population.get_f());
    state_ = std::move(fresh);
  }
  const auto evaluations_before = problem.get_fevals();
  for (unsigned generation = 1; generation <= options_.gen; ++generation) {
    core.ask(state_, is_duplicate_, archive_ ? archive_() : Points{});
    core.tell(state_, evaluate(problem, state_.offspring, evaluator_));
    if (verbosity_ > 0 && (generation - 1) % verbosity_ == 0) {
      log_.emplace_back(generation, problem.get_fevals() - evaluations_before, state_.memory.ideal);
    }
  }
  for (std::size_t i = 0; i < population.size(); ++i) {
    population.set_xf(i, state_.genomes[i], state_.fitness[i]);
  }
  return population;
}

void Nsga3::set_seed(unsigned seed) {
  options_.seed = seed;
  state_ = Nsga3Core::begin(seed);
}

std::string Nsga3::get_extra_info() const {
  static constexpr const char* kVariations[] = {"sbx", "categorical uniform",
                                                "categorical two-point", "vega segment"};
  static constexpr const char* kMutations[] = {"reset", "step", "step of groups"};
  std::ostringstream text;
  text << "\tGenerations: " << options_.gen << "\n\tDivisions: ";
  if (options_.divisions > 0) {
    text << options_.divisions;
  } else {
    text << "largest that fits";
  }
  text << "\n\tVariation: " << kVariations[static_cast<std::size_t>(options_.variation)]
       << "\n\tMutation of integers: " << kMutations[static_cast<std::size_t>(options_.mutation)]
       << "\n\tCrossover probability: " << options_.p_cr
       << "\n\tDistribution index of crossover: " << options_.eta_c << "\n\tMutation probability: ";
  if (options_.p_m < 0.0) {
    text << "1 / genes";
  } else {
    text << options_.p_m;
  }
  text << "\n\tDistribution index of mutation: " << options_.eta_m << "\n\tSeed: " << options_.seed
       << "\n\tVerbosity: " << verbosity_;
  return text.str();
}

template <typename Archive>
void Nsga3::save(Archive& archive, unsigned) const {
  const std::string state = nlohmann::json(state_).dump();
  pagmo::detail::to_archive(archive, options_, verbosity_, evaluator_, state, log_);
}

template <typename Archive>
void Nsga3::load(Archive& archive, unsigned) {
  std::string state;
  pagmo::detail::from_archive(archive, options_, verbosity_, evaluator_, state, log_);
  state_ = nlohmann::json::parse(state).get<Nsga3State>();
}

}  // namespace deneb::quant_ea

PAGMO_S11N_ALGORITHM_IMPLEMENT(deneb::quant_ea::Nsga3)
