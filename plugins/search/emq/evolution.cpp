#include "evolution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <deneb/errors.h>
#include <deneb/random.h>

namespace deneb::emq {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kMostDraws = 2000;  // for a place in the first population

}  // namespace

Evolution::Evolution(const EvolutionOptions& options, GenePool pool, std::uint64_t seed,
                     Judge judge)
    : options_(options), pool_(std::move(pool)), seed_(seed), judge_(std::move(judge)) {}

bool Evolution::done() const {
  return population_.size() >= std::size_t(options_.population) &&
         iteration_ >= options_.iterations;
}

void Evolution::advance() {
  if (population_.size() < std::size_t(options_.population)) {
    draw_member();
  } else {
    generation();
  }
}

const Judgment& Evolution::judged(const Genotype& genotype) {
  const std::string key = text_of(canonical(genotype));
  const auto found = known_.find(key);
  if (found != known_.end()) {
    ++counts_["repeated"];
    return found->second;
  }
  const Judgment judgment = judge_(genotype);
  ++counts_["judged"];
  if (!judgment.rejected.empty()) {
    ++counts_["rejected_" + judgment.rejected];
  } else if (orders_[judgment.order]++ > 0) {
    ++counts_["same_order"];
  }
  return known_[key] = judgment;
}

bool Evolution::may_join(const Judgment& judgment) const {
  if (!judgment.rejected.empty()) return false;
  return !options_.distinct ||
         std::none_of(population_.begin(), population_.end(),
                      [&](const Member& member) { return member.order == judgment.order; });
}

void Evolution::join(const Genotype& genotype, const Judgment& judgment) {
  const auto place =
      std::upper_bound(population_.begin(), population_.end(), judgment.fitness,
                       [](double fitness, const Member& m) { return fitness > m.fitness; });
  population_.insert(place, {genotype, judgment.fitness, judgment.order});
}

void Evolution::draw_member() {
  std::mt19937_64 rng(derive_seed(derive_seed(seed_, "draw"), std::uint64_t(draws_++)));
  const Genotype genotype = draw(pool_, rng);
  ++counts_["drawn"];
  const Judgment& judgment = judged(genotype);
  if (may_join(judgment)) join(genotype, judgment);
  if (population_.size() == std::size_t(options_.population)) {
    note();
  } else if (draws_ >= kMostDraws * options_.population) {
    throw RunError("EMQ: " + std::to_string(draws_) + " random proxies gave only " +
                   std::to_string(population_.size()) + " that are valid" +
                   (options_.distinct ? " and rank the policies differently" : "") +
                   "; allow more inputs or operators, or take a smaller population");
  }
}

void Evolution::generation() {
  std::mt19937_64 rng(derive_seed(derive_seed(seed_, "generation"), std::uint64_t(iteration_)));
  const double share = options_.parent_fraction * double(population_.size());
  const auto parents = std::max<std::uint64_t>(1, std::uint64_t(std::ceil(share)));
  const Genotype& first = population_[std::size_t(uniform_index(rng, parents))].genotype;
  const Genotype& second = population_[std::size_t(uniform_index(rng, parents))].genotype;
  Genotype offspring = uniform_real(rng) < options_.crossover ? cross(first, second, rng) : first;
  if (uniform_real(rng) < options_.mutation) offspring = mutate(offspring, pool_, rng);
  ++counts_["bred"];
  const Judgment bred = judged(offspring);
  // Differs from the authors' later code, which compares a fitness that it has not computed for
  // these two: the fitter one joins.
  Genotype chosen = std::move(offspring);
  Judgment best = bred;
  bool newcomer = false;
  if (options_.diversity_prompting) {
    const Genotype fresh = draw(pool_, rng);
    ++counts_["drawn"];
    const Judgment drawn = judged(fresh);
    if (may_join(drawn) && (!may_join(bred) || drawn.fitness > bred.fitness)) {
      chosen = fresh;
      best = drawn;
      newcomer = true;
    }
  }
  if (may_join(best)) {
    population_.pop_back();
    join(chosen, best);
    ++counts_[newcomer ? "newcomer_joined" : "offspring_joined"];
  }
  ++iteration_;
  note();
}

void Evolution::note() {
  double sum = 0;
  for (const Member& member : population_) sum += member.fitness;
  best_.push_back(population_.front().fitness);
  mean_.push_back(sum / double(population_.size()));
}

ordered_json Evolution::state() const {
  auto members = ordered_json::array();
  for (const Member& m : population_) {
    members.push_back({to_json(m.genotype), m.fitness, m.order});
  }
  auto known = ordered_json::object();
  for (const auto& [key, judgment] : known_) {
    if (judgment.rejected.empty()) {
      known[key] = {judgment.fitness, judgment.order};
    } else {
      known[key] = judgment.rejected;
    }
  }
  return {{"draws", draws_}, {"iteration", iteration_}, {"population", members}, {"best", best_},
          {"mean", mean_},   {"counts", counts_},       {"known", known}};
}

void Evolution::restore(const ordered_json& state) {
  try {
    std::vector<Member> population;
    for (const auto& item : state.at("population")) {
      population.push_back({genotype_from_json(item.at(0), "population"), item.at(1).get<double>(),
                            item.at(2).get<std::uint64_t>()});
    }
    std::map<std::string, Judgment> known;
    std::map<std::uint64_t, std::int64_t> orders;
    for (const auto& [key, value] : state.at("known").items()) {
      Judgment& judgment = known[key];
      if (value.is_string()) {
        judgment.rejected = value.get<std::string>();
      } else {
        judgment.fitness = value.at(0).get<double>();
        judgment.order = value.at(1).get<std::uint64_t>();
        ++orders[judgment.order];
      }
    }
    draws_ = state.at("draws").get<std::int64_t>();
    iteration_ = state.at("iteration").get<std::int64_t>();
    best_ = state.at("best").get<std::vector<double>>();
    mean_ = state.at("mean").get<std::vector<double>>();
    counts_ = state.at("counts").get<std::map<std::string, std::int64_t>>();
    population_ = std::move(population);
    known_ = std::move(known);
    orders_ = std::move(orders);
  } catch (const nlohmann::json::exception& e) {
    throw DataError(std::string("is no state of an evolution: ") + e.what());
  }
}

}  // namespace deneb::emq
