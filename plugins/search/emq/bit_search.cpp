#include "bit_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include <deneb/interrupt.h>
#include <deneb/random.h>

#include "decisions.h"
#include "orm.h"

namespace deneb::emq {
namespace {

using Genome = std::vector<int>;

constexpr double kEqualScores = 1e-12;  // relative

// The strategies that draw policies.
class Drawing {
 public:
  Drawing(const BitSearchProblem& problem, const BitSearchOptions& options, std::mt19937_64 rng)
      : problem_(problem), options_(options), rng_(rng) {}

  BitSearchResult run(std::optional<Genome> root) {
    if (!problem_.is_within(problem_.costs(problem_.space().narrowest()))) {
      result_.reason = "even the narrowest policy is above a limit; raise it";
      return result_;
    }
    if (options_.strategy == "evolution") {
      evolve();
    } else {
      if (options_.strategy == "mutate_root" && !root) root = widest_uniform();
      while (goes_on()) {
        note(options_.strategy == "mutate_root" ? mutated(*root) : drawn_at_random());
      }
    }
    result_.different = std::int64_t(seen_.size());
    if (!result_.genome) {
      result_.reason = "none of " + std::to_string(result_.drawn) +
                       " policies lies within the limits and above fill; raise samples, or lower "
                       "fill";
    }
    return result_;
  }

 private:
  struct Member {
    Genome genome;
    double score = 0;
    std::vector<double> costs;
  };

  bool goes_on() {
    if (result_.drawn % 1024 == 0) throw_if_stopping();
    return result_.drawn < options_.samples;
  }

  static bool is_better(const Member& a, const Member& b) {
    const double window = kEqualScores * std::max(1.0, std::fabs(b.score));
    if (std::fabs(a.score - b.score) > window) return a.score < b.score;
    return a.costs != b.costs ? a.costs < b.costs : a.genome < b.genome;
  }

  // Counts a policy; nothing where it is known or not wanted.
  std::optional<Member> note(Genome genome) {
    ++result_.drawn;
    if (!seen_.insert(genome).second) return std::nullopt;
    Member member{std::move(genome), 0, {}};
    member.costs = problem_.costs(member.genome);
    if (!problem_.is_wanted(member.costs)) return std::nullopt;
    member.score = problem_.score(member.genome);
    if (!result_.genome || is_better(member, {*result_.genome, result_.score, result_.costs})) {
      result_.genome = member.genome;
      result_.score = member.score;
      result_.costs = member.costs;
      result_.history.emplace_back(double(result_.drawn), member.score);
    }
    return member;
  }

  int drawn_candidate(std::size_t gene) {
    const std::vector<int>& candidates = problem_.by_width(gene);
    const auto weight = [&](std::size_t i) {
      return i < options_.probabilities.size() ? options_.probabilities[i] : 0;
    };
    double sum = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) sum += weight(i);
    if (sum <= 0) return candidates[uniform_index(rng_, candidates.size())];
    double left = uniform_real(rng_) * sum;
    std::size_t i = 0;
    while (i + 1 < candidates.size() && left >= weight(i)) left -= weight(i++);
    return candidates[i];
  }

  Genome mutated(Genome genome) {
    const std::size_t most = std::min<std::size_t>(std::size_t(options_.mutations), genome.size());
    const std::size_t count = 1 + uniform_index(rng_, most);
    std::vector<std::size_t> places(genome.size());
    std::iota(places.begin(), places.end(), 0);
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(places[i], places[i + uniform_index(rng_, places.size() - i)]);
      genome[places[i]] = drawn_candidate(places[i]);
    }
    return genome;
  }

  // Differs from EMQ's code, which throws away what is above a limit: of random policies that is
  // nearly all of them where the limit is far from that of the mean width.
  Genome drawn_at_random() {
    Genome genome;
    for (std::size_t g = 0; g < problem_.genes().size(); ++g) genome.push_back(drawn_candidate(g));
    return narrowed(std::move(genome));
  }

  // Random decisions take their next narrower width until the limits are kept.
  Genome narrowed(Genome genome) {
    while (!problem_.is_within(problem_.costs(genome))) {
      const std::size_t gene = uniform_index(rng_, genome.size());
      const std::vector<int>& candidates = problem_.by_width(gene);
      const auto at = std::find(candidates.begin(), candidates.end(), genome[gene]);
      if (at != candidates.begin()) genome[gene] = *(at - 1);
    }
    return genome;
  }

  Genome widest_uniform() const {
    Genome widest = problem_.space().narrowest();
    for (std::size_t step = 0;; ++step) {
      Genome genome;
      bool is_last = true;
      for (std::size_t g = 0; g < problem_.genes().size(); ++g) {
        const std::vector<int>& candidates = problem_.by_width(g);
        genome.push_back(candidates[std::min(step, candidates.size() - 1)]);
        is_last = is_last && step + 1 >= candidates.size();
      }
      if (problem_.is_within(problem_.costs(genome))) widest = genome;
      if (is_last) return widest;
    }
  }

  void evolve() {
    std::vector<Member> members;
    const auto pick = [&]() -> const Member& {  // the better of two
      const Member& a = members[uniform_index(rng_, members.size())];
      const Member& b = members[uniform_index(rng_, members.size())];
      return is_better(a, b) ? a : b;
    };
    while (goes_on()) {
      Genome genome;
      if (members.size() < std::size_t(options_.population)) {
        genome = drawn_at_random();
      } else {
        genome = pick().genome;
        if (uniform_real(rng_) < options_.crossover) {
          const Genome& other = pick().genome;
          for (std::size_t g = 0; g < genome.size(); ++g) {
            if (rng_() & 1) genome[g] = other[g];
          }
        }
        genome = narrowed(mutated(std::move(genome)));
      }
      std::optional<Member> born = note(std::move(genome));
      if (!born) continue;
      if (members.size() < std::size_t(options_.population)) {
        members.push_back(std::move(*born));
        continue;
      }
      auto worst =
          std::max_element(members.begin(), members.end(),
                           [](const Member& a, const Member& b) { return is_better(a, b); });
      if (is_better(*born, *worst)) *worst = std::move(*born);
    }
  }

  const BitSearchProblem& problem_;
  const BitSearchOptions& options_;
  std::mt19937_64 rng_;
  std::set<Genome> seen_;
  BitSearchResult result_;
};

bool nearly_equal(double a, double b, double scale) {
  return std::fabs(a - b) <= 1e-9 * std::max(scale, 1e-300);
}

// Minimizes sum of slopes times widths, then rounds.
class LinearProgram {
 public:
  LinearProgram(const BitSearchProblem& problem, const BitSearchOptions& options)
      : problem_(problem), options_(options) {}

  BitSearchResult run() {
    const Genome narrowest = problem_.space().narrowest();
    const double cost = problem_.costs(narrowest)[0];
    BoxProgram program;
    std::vector<double> worths;
    program.budget = problem_.most()[0] - cost;
    BitSearchResult result;
    if (program.budget < 0) {
      result.reason = "even the narrowest policy is above the limit; raise it";
      return result;
    }
    for (std::size_t g = 0; g < problem_.genes().size(); ++g) {
      const auto [worth, use] = slopes(g, narrowest);
      const auto& candidates = problem_.by_width(g);
      worths.push_back(worth);
      program.uses.push_back(use);
      program.least.push_back(width(g, candidates.front()));
      program.most.push_back(width(g, candidates.back()));
      program.budget += use * program.least.back();
    }
    if (options_.suffix_means) {
      program.costs = suffix_mean_costs(worths);
    } else {
      for (const double worth : worths) program.costs.push_back(-worth);
    }
    const std::vector<double> widths = without_noise(solve_box_program(program));
    const std::vector<int> rounded = options_.rounding == "nearest"
                                         ? round_to_nearest(widths)
                                         : round_within(widths, program.uses);
    Genome genome;
    for (std::size_t g = 0; g < rounded.size(); ++g) {
      const std::size_t step = std::size_t(rounded[g] - int(program.least[g]));
      genome.push_back(problem_.by_width(g)[step]);
    }
    result.drawn = result.different = 1;
    result.costs = problem_.costs(genome);
    if (!problem_.is_within(result.costs)) {
      result.reason = "the rounded policy is above the limit; take the rounding depth_first";
      return result;
    }
    result.genome = genome;
    result.score = problem_.score(genome);
    result.history = {{1, result.score}};
    return result;
  }

 private:
  int width(std::size_t gene, int candidate) const {
    return problem_.genes()[gene].candidates[std::size_t(candidate)].bits;
  }

  // Of one gene: what a bit takes off the score, and what it costs.
  std::pair<double, double> slopes(std::size_t gene, const Genome& narrowest) const {
    const std::string& layer =
        problem_.space().network().layers[problem_.genes()[gene].layers.front()].name;
    const auto refuse = [&](const std::string& what) {
      throw ConfigError("search_algorithm.strategy: linear_program " + what + " (layer '" + layer +
                        "'); take ExactAssignment, which needs none of this");
    };
    if (problem_.genes()[gene].role != Gene::Role::kWeight) {
      refuse("decides on weights alone, and inputs are searched too");
    }
    const auto& candidates = problem_.by_width(gene);
    if (candidates.size() < 2) return {0, 1};
    Genome genome = narrowest;
    const double score = problem_.score(genome), cost = problem_.costs(genome)[0];
    std::vector<double> worths, uses;
    for (std::size_t i = 1; i < candidates.size(); ++i) {
      if (width(gene, candidates[i]) != width(gene, candidates[0]) + int(i)) {
        refuse("needs widths without gaps");
      }
      genome[gene] = candidates[i];
      worths.push_back((score - problem_.score(genome)) / double(i));
      uses.push_back((problem_.costs(genome)[0] - cost) / double(i));
    }
    for (std::size_t i = 0; i < worths.size(); ++i) {
      if (!nearly_equal(worths[i], worths[0], std::fabs(score))) {
        refuse("needs scores that are linear in the width, as those of orm are");
      }
      if (!nearly_equal(uses[i], uses[0], std::fabs(cost)) || uses[i] <= 0) {
        refuse("needs a cost that is linear in the width, such as size");
      }
    }
    return {worths[0], uses[0]};
  }

  // What lies at a width but for rounding lies there.
  static std::vector<double> without_noise(std::vector<double> widths) {
    for (double& width : widths) {
      if (std::fabs(width - std::round(width)) < 1e-9) width = std::round(width);
    }
    return widths;
  }

  const BitSearchProblem& problem_;
  const BitSearchOptions& options_;
};

}  // namespace

BitSearchProblem::BitSearchProblem(const SearchSetup& setup, const LayerScores& scores,
                                   const std::string& source, const BitSearchLimits& limits,
                                   double fill)
    : space_(setup.space()) {
  for (const CostLimit& limit : limits.costs) {
    models_.push_back(&setup.cost_model(limit.cost));
    most_.push_back(largest_cost(limit, *models_.back(), space_));
  }
  least_ = fill * most_.front();
  for (const Gene& gene : genes()) {
    scores_.emplace_back();
    for (const Format& format : gene.candidates) {
      double sum = 0;
      for (const std::size_t i : gene.layers) {
        const std::string& layer = space_.network().layers[i].name;
        for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
          if (!searches::decides(gene, role)) continue;
          const auto score = scores.score(layer, role, format);
          if (!score) {
            throw ConfigError("search_algorithm: " + source + " has no score of layer '" + layer +
                              "' for " +
                              (role == QuantizerRole::kWeight ? "weights" : "activations") +
                              " in " + format.text() + "; set search_space to what it has");
          }
          sum += *score;
        }
      }
      scores_.back().push_back(sum);
    }
    std::vector<int> order(gene.candidates.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return gene.candidates[std::size_t(a)].bits < gene.candidates[std::size_t(b)].bits;
    });
    by_width_.push_back(std::move(order));
  }
}

double BitSearchProblem::score(const std::vector<int>& genome) const {
  double sum = 0;
  for (std::size_t g = 0; g < genome.size(); ++g) sum += scores_[g][std::size_t(genome[g])];
  return sum;
}

std::vector<double> BitSearchProblem::costs(const std::vector<int>& genome) const {
  const BitPolicy policy = space_.decode(genome);
  std::vector<double> costs;
  for (const CostModel* model : models_) costs.push_back(model->total(space_.network(), policy));
  return costs;
}

bool BitSearchProblem::is_within(const std::vector<double>& costs) const {
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (costs[i] > most_[i]) return false;
  }
  return true;
}

bool BitSearchProblem::is_wanted(const std::vector<double>& costs) const {
  return is_within(costs) && costs.front() >= least_;
}

BitSearchResult search_bits(const BitSearchProblem& problem, const BitSearchOptions& options,
                            const std::optional<std::vector<int>>& root, std::mt19937_64 rng) {
  if (options.strategy == "linear_program") return LinearProgram(problem, options).run();
  return Drawing(problem, options, rng).run(root);
}

}  // namespace deneb::emq
