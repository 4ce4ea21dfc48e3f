#include <deneb/io/artifact.h>
#include <deneb/io/files.h>
#include <deneb/plugin/plugin.h>
#include <deneb/search/ask_tell.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <tuple>

#include "budget_sampler.h"
#include "front_measures.h"
#include "generations.h"
#include "quant_ea_options.h"
#include "search_figures.h"
#include "trial_problem.h"
#include "warm_start.h"

namespace {

using namespace deneb::quant_ea;
using deneb::Candidate;
using deneb::SearchSpace;
using deneb::searches::BudgetSampler;
using deneb::searches::CostRange;

constexpr int kRetries = 20;  // of a random policy that was drawn before

/// The bound of each of the targets.
std::vector<double> target_values(const QuantEaOptions& options, const deneb::SearchSetup& setup) {
  std::vector<double> values;
  for (const NamedLimit& target : options.targets) {
    values.push_back(largest_cost(target, setup.cost_model(target.cost), setup.space()));
  }
  return values;
}

/// What new policies may cost: with `fill` one range below each of the targets.
std::vector<CostRange> windows_of(const QuantEaOptions& options, const deneb::SearchSetup& setup) {
  std::vector<CostRange> windows;
  if (options.fill == 0) return windows;
  const std::vector<double> values = target_values(options, setup);
  for (std::size_t t = 0; t < values.size(); ++t) {
    const std::string& cost = options.targets[t].cost;
    windows.push_back({cost, &setup.cost_model(cost), options.fill * values[t], values[t]});
  }
  return windows;
}

std::string name_of(const NamedLimit& target, double value) {
  if (!target.name.empty()) return target.name;
  char text[400];
  std::snprintf(text, sizeof(text), value < 1000 ? "_%.6g" : "_%.0f", value);
  return target.cost + text;
}

// The best one has the name of its target.
std::string finalist_name(const std::string& target, std::size_t k) {
  return k == 0 ? target : target + "_" + std::to_string(k + 1);
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f %%", 100 * share);
  return text;
}

/// One search: the first policies, the loop over generations and its end.
class Search {
 public:
  Search(const QuantEaOptions& options, deneb::SearchContext& context)
      : options_(options),
        context_(context),
        archive_(std::make_shared<TrialArchive>(
            context, deneb::searches::find_objectives(options.objectives, context.measures()),
            windows_of(options, context))),
        origin_(std::make_shared<std::string>()) {}

  deneb::SearchResult run() {
    const auto generations = make_generations(options_, context_, archive_, origin_);
    begin(*generations);
    for (int g = 1; g <= options_.policy.num_generation && !stagnates(); ++g) {
      *origin_ = "generation " + std::to_string(g);
      generations->next();
      measure(g);
    }
    return result();
  }

 private:
  // Warm policies and anchors, which every result is compared with, and random ones.
  void begin(Generations& generations) {
    Points genomes = warm_genomes();
    std::vector<std::string> origins(genomes.size(), "warm start");
    add_anchors(genomes);
    origins.resize(genomes.size(), "uniform");
    const Points random = random_genomes(genomes);
    genomes.insert(genomes.end(), random.begin(), random.end());
    origins.resize(genomes.size(), "random");
    Points rows = archive_->evaluate(genomes, origins);
    archive_->fix_scale();
    for (Point& row : rows) row = archive_->scaled(std::move(row));
    generations.begin(genomes, rows);
    const auto [best, worst] = archive_->span();
    hypervolume_ = std::make_unique<Hypervolume>(best, worst);
    first_front_ = archive_->front();
    measure(0);
  }

  Points warm_genomes() {
    Points genomes;
    if (options_.warm_start.empty()) return genomes;
    for (const WarmPolicy& warm : read_warm_start(options_.warm_start, context_.space())) {
      const Point genome = archive_->encode(warm.policy);
      if (!archive_->within_limits(genome)) {
        context_.log("warm_start: policy " + warm.name + " breaks a limit of the step, left out");
      } else if (std::find(genomes.begin(), genomes.end(), genome) == genomes.end()) {
        genomes.push_back(genome);
      }
    }
    context_.log("begins with " + std::to_string(genomes.size()) + " policies of warm_start");
    return genomes;
  }

  void add_anchors(Points& genomes) const {
    if (!options_.anchors) return;
    Points anchors;
    for (const std::vector<int>& indices : context_.space().uniform()) {
      anchors.push_back(archive_->encode(context_.space().decode(indices)));
    }
    for (const NamedLimit& target : options_.targets) add_uniform(target, anchors);
    std::sort(anchors.begin(), anchors.end());
    for (const Point& anchor : anchors) {
      if (!archive_->within_limits(anchor)) continue;
      if (std::find(genomes.begin(), genomes.end(), anchor) == genomes.end()) {
        genomes.push_back(anchor);
      }
    }
  }

  // The uniform policy that a target is named by, if the space has it: no result may be worse.
  void add_uniform(const NamedLimit& target, Points& anchors) const {
    const double weight = target.weight_bits, activation = target.activation_bits;
    if (target.max > 0 || target.share != 1 || weight != std::floor(weight) ||
        activation != std::floor(activation)) {
      return;
    }
    try {
      anchors.push_back(archive_->encode(context_.space().at_widths(int(weight), int(activation))));
    } catch (const deneb::ConfigError&) {
      // widths that are no candidates
    }
  }

  // As many as random_samples still asks for, within the limits, none twice as far as the space has
  // so many.
  Points random_genomes(const Points& known) {
    std::mt19937_64 rng = context_.rng("samples");
    std::vector<BudgetSampler> samplers = window_samplers();
    const auto wanted = static_cast<std::size_t>(options_.policy.random_samples);
    const std::size_t count = wanted > known.size() ? wanted - known.size() : 0;
    Points genomes;
    const auto is_known = [&](const Point& genome) {
      return std::find(known.begin(), known.end(), genome) != known.end() ||
             std::find(genomes.begin(), genomes.end(), genome) != genomes.end();
    };
    for (std::size_t i = 0; i < count; ++i) {
      const auto draw = [&] {
        return samplers.empty() ? random_genome_of(i, count, rng)
                                : filling_genome(samplers[i % samplers.size()], rng);
      };
      Point genome = draw();
      for (int retry = 0; retry < kRetries && is_known(genome); ++retry) genome = draw();
      genomes.push_back(std::move(genome));
    }
    return genomes;
  }

  // One for each window, which keep the limits of the step too.
  std::vector<BudgetSampler> window_samplers() const {
    std::vector<BudgetSampler> samplers;
    for (const CostRange& window : windows_of(options_, context_)) {
      std::vector<CostRange> ranges = deneb::searches::limit_ranges(context_, /*fill=*/0);
      ranges.push_back(window);
      samplers.emplace_back(context_.space(), ranges);
    }
    return samplers;
  }

  Point filling_genome(BudgetSampler& sampler, std::mt19937_64& rng) const {
    for (int retry = 0; retry < kRetries; ++retry) {
      if (const auto indices = sampler.draw(rng)) return archive_->from_indices(*indices);
    }
    throw deneb::RunError("QuantEA: " + sampler.misses());
  }

  Point random_genome_of(std::size_t i, std::size_t count, std::mt19937_64& rng) {
    const double level = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    const IntGenome ranks = options_.samples == "spread"
                                ? spread_genome(archive_->upper(), level, rng)
                                : random_genome(archive_->upper(), rng);
    Point genome(ranks.begin(), ranks.end());
    archive_->repair(genome, rng);
    return genome;
  }

  void measure(int generation) {
    const Points front = archive_->front_rows();
    history_.push_back(
        {generation, archive_->results().size(), front.size(), hypervolume_->add(front)});
    const FrontRecord& now = history_.back();
    context_.progress(generation, options_.policy.num_generation,
                      "generation " + std::to_string(generation) + ": " +
                          std::to_string(now.policies) + " policies, " +
                          std::to_string(now.members) + " in the front, hypervolume " +
                          percent(now.hypervolume));
  }

  bool stagnates() {
    const auto span = static_cast<std::size_t>(options_.stagnation.generations);
    if (span == 0 || history_.size() <= span) return false;
    const double before = history_[history_.size() - 1 - span].hypervolume;
    const double now = history_.back().hypervolume;
    if (now - before > options_.stagnation.gain * now) return false;
    context_.log("ends after generation " + std::to_string(history_.back().generation) +
                 ": the hypervolume rose from " + percent(before) + " to " + percent(now) +
                 " in the last " + std::to_string(span) + " (stagnation.gain)");
    return true;
  }

  deneb::SearchResult result() {
    deneb::SearchResult result;
    result.objectives = archive_->objectives();
    std::vector<Candidate> front =
        deneb::pareto_candidates(archive_->policies(), archive_->results(), archive_->objectives());
    if (front.empty()) return result;
    Points rows;
    for (const Candidate& member : front) rows.push_back(row_of(member));
    const std::size_t knee = knee_of(rows);
    front[knee].mark = "knee";
    context_.log("knee of the front: policy " + front[knee].name);
    result.figures = search_figures(*archive_, history_, first_front_, front[knee].metrics);
    result.candidates =
        options_.targets.empty() ? front : within_targets(front[knee], result.failure);
    if (result.candidates.empty()) return result;
    result.artifacts = {
        {"policy", context_.artifact_path("policies/" + recommended(result) + ".json")}};
    return result;
  }

  Point row_of(const Candidate& candidate) const {
    Point row;
    for (const deneb::Objective& objective : archive_->objectives()) {
      const double value = candidate.metrics.at(objective.name);
      row.push_back(objective.direction == deneb::Direction::kMaximize ? -value : value);
    }
    return row;
  }

  // Of all trials: the best within a cost that is no objective may lie behind the front.
  std::vector<Candidate> within_targets(const Candidate& knee, std::string& failure) const {
    std::vector<Candidate> chosen;
    const std::vector<double> values = target_values(options_, context_);
    for (std::size_t t = 0; t < values.size(); ++t) {
      const NamedLimit& target = options_.targets[t];
      const std::string name = name_of(target, values[t]);
      const std::vector<std::size_t> best = best_within(target.cost, values[t]);
      if (best.empty())
        failure += (failure.empty() ? "" : "; ") + ("no policy within target " + name);
      for (std::size_t k = 0; k < best.size(); ++k) {
        const deneb::TrialResult& result = archive_->results()[best[k]];
        chosen.push_back(
            {finalist_name(name, k), archive_->policies()[best[k]], result.metrics, result.id, ""});
        if (result.id == knee.trial) chosen.back().mark = knee.mark;
      }
    }
    return chosen;
  }

  // Indices of trials of different policies, the best in the first objective first, the cheaper of
  // equals.
  std::vector<std::size_t> best_within(const std::string& cost, double most) const {
    std::vector<std::tuple<double, double, std::size_t>> order;
    for (std::size_t i = 0; i < archive_->results().size(); ++i) {
      const deneb::TrialResult& result = archive_->results()[i];
      if (!result.ok || result.metrics.at(cost) > most) continue;
      order.emplace_back(archive_->row(i)[0], result.metrics.at(cost), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<std::size_t> best;
    std::set<std::int64_t> taken;  // some strategies ask for a policy again
    for (const auto& [objective, paid, i] : order) {
      if (best.size() == static_cast<std::size_t>(options_.finalists)) break;
      if (taken.insert(archive_->results()[i].id).second) best.push_back(i);
    }
    return best;
  }

  // The knee, where it is put forward.
  static const std::string& recommended(const deneb::SearchResult& result) {
    for (const Candidate& candidate : result.candidates) {
      if (!candidate.mark.empty()) return candidate.name;
    }
    return result.candidates.front().name;
  }

  const QuantEaOptions& options_;
  deneb::SearchContext& context_;
  std::shared_ptr<TrialArchive> archive_;
  std::shared_ptr<std::string> origin_;
  std::unique_ptr<Hypervolume> hypervolume_;
  std::vector<std::size_t> first_front_;
  std::vector<FrontRecord> history_;
};

class QuantEa final : public deneb::SearchAlgorithm {
 public:
  using Options = QuantEaOptions;
  explicit QuantEa(const Options& options) : options_(options) {}

  std::vector<std::string> gives() const override { return {"policies", "policy"}; }

  void validate(const deneb::SearchSetup& setup) const override {
    deneb::searches::find_objectives(options_.objectives, setup.measures());
    const SearchSpace& space = setup.space();
    const std::size_t genes = space.genes().size();
    if (options_.policy.length != 0 && static_cast<std::size_t>(options_.policy.length) != genes) {
      throw deneb::ConfigError("search_algorithm.policy.length: is " +
                               std::to_string(options_.policy.length) + ", the search space has " +
                               std::to_string(genes) + " genes; set 0 to take that");
    }
    if (space.size() < 2) {
      throw deneb::ConfigError(
          "search_space: has a single policy, nothing is left to search; offer two or more "
          "candidates for a layer");
    }
    check_targets(setup);
    if (!options_.warm_start.empty() && std::filesystem::exists(options_.warm_start)) {
      read_warm_start(options_.warm_start, space);
    }
    try {
      nsga3_core(options_, space);
    } catch (const std::invalid_argument& e) {
      throw deneb::ConfigError(std::string("search_algorithm: ") + e.what());
    }
  }

  deneb::SearchResult run(deneb::SearchContext& context) override {
    return Search(options_, context).run();
  }

 private:
  void check_targets(const deneb::SearchSetup& setup) const {
    const std::vector<double> values = target_values(options_, setup);
    const SearchSpace& space = setup.space();
    std::set<std::string> names;
    for (std::size_t t = 0; t < values.size(); ++t) {
      const NamedLimit& target = options_.targets[t];
      const std::string key = "search_algorithm.targets[" + std::to_string(t) + "]";
      if (!deneb::is_plain_file_name(name_of(target, values[t]))) {
        throw deneb::ConfigError(key + ".name: \"" + target.name +
                                 "\" cannot name a policy's file; use letters, digits, _, - and .");
      }
      const double least =
          setup.cost_model(target.cost).total(space.network(), space.decode(space.narrowest()));
      if (least > values[t]) {
        char text[96];
        std::snprintf(text, sizeof(text),
                      " of the narrowest policy is %.6g, above the target of %.6g", least,
                      values[t]);
        throw deneb::ConfigError(key + ": " + target.cost + text +
                                 "; raise it or offer narrower widths");
      }
      check_fill(setup, target, values[t], key);
      for (int k = 0; k < options_.finalists; ++k) {
        const std::string name = finalist_name(name_of(target, values[t]), std::size_t(k));
        if (names.insert(name).second) continue;
        throw deneb::ConfigError(key + ".name: a policy of another target has the name " + name +
                                 "; give each a name of its own");
      }
    }
  }

  void check_fill(const deneb::SearchSetup& setup, const NamedLimit& target, double value,
                  const std::string& key) const {
    if (options_.fill == 0) return;
    const SearchSpace& space = setup.space();
    double most =
        setup.cost_model(target.cost).total(space.network(), space.decode(space.widest()));
    std::string whose = "of the widest policy";
    for (const deneb::Limit& limit : setup.limits()) {
      if (limit.cost != target.cost || limit.most >= most) continue;
      most = limit.most;
      whose = "within the limits of the step";
    }
    if (most >= options_.fill * value) return;
    char text[160];
    std::snprintf(text, sizeof(text), " %s is at most %.6g, below %.6g of the target of %.6g",
                  whose.c_str(), most, options_.fill, value);
    throw deneb::ConfigError(key + ": " + target.cost + text +
                             "; lower it or search_algorithm.fill, or offer wider widths");
  }

  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::SearchAlgorithm, QuantEa>(
      "QuantEA", "multi-objective evolution of bit-widths with NSGA-III (pagmo)");
}

}  // namespace

DENEB_PLUGIN("quant_ea", "0.1.0", "QuantEA: NSGA-III over the widths of all layers", register_all);
