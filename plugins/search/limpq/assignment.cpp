#include "assignment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include <deneb/io/files.h>

namespace deneb::limpq {
namespace {

constexpr std::size_t kMostOptions = 20000;  // of one bundle of tied layers
constexpr double kReversedShare = 0.95;      // of a limit that a reversed policy has to use

// Milliseconds per layer and pair of widths, as integers: nanoseconds.
using LatencyTable = std::map<std::string, std::map<std::string, std::int64_t>>;

std::string pair_word(int weight, int activation) {
  return "w" + std::to_string(weight) + "a" + std::to_string(activation);
}

LatencyTable read_latency_table(const std::string& path) {
  const auto root = nlohmann::ordered_json::parse(read_file(path), nullptr, false);
  if (!root.is_object()) throw DataError(path + ": is no JSON object of layers");
  LatencyTable table;
  for (const auto& [layer, pairs] : root.items()) {
    if (!pairs.is_object()) throw DataError(path + ": " + layer + ": is no object of pairs");
    for (const auto& [pair, time] : pairs.items()) {
      const double ms = time.is_number() ? time.get<double>() : -1;
      if (!(ms >= 0) || ms > 1e9) {
        throw DataError(path + ": " + layer + "." + pair + ": is " + time.dump() +
                        ", expected milliseconds");
      }
      table[layer][pair] = std::llround(ms * 1e6);
    }
  }
  return table;
}

// A limit that is a whole number but for rounding counts in full.
std::int64_t floor_of(double value) {
  return static_cast<std::int64_t>(std::floor(value + std::max(1e-6, 1e-12 * std::fabs(value))));
}

// `count` numbers from `least` to `most` whose neighbors have the same ratio; 0 = none.
std::vector<double> geometric_levels(double least, double most, int count) {
  std::vector<double> levels;
  for (int i = 0; i < count; ++i) {
    levels.push_back(i + 1 == count ? most : least * std::pow(most / least, i / (count - 1.0)));
  }
  return levels;
}

std::string two_digits(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

AssignmentSolver::AssignmentSolver(const SearchSpace& space, const Indicators& indicators,
                                   const LimpqOptions& options)
    : space_(space),
      indicators_(indicators),
      options_(options),
      fixed_(space.decode(space.widest())) {
  for (const LayerIndicators& known : indicators.layers) {
    if (space.network().find(known.name)) continue;
    throw ConfigError("search_algorithm.indicators: " + options.indicators + " has a layer '" +
                      known.name + "' that " + space.network().model +
                      " lacks; the file belongs to another network");
  }
  const auto& layers = space.network().layers;
  for (const LayerGenes& genes : space.layer_genes()) {
    const std::size_t i = genes.layer;
    importance_[i] = indicators.find(layers[i].name);
    if (!importance_[i]) {
      throw ConfigError("search_algorithm.indicators: " + options.indicators + " has no layer '" +
                        layers[i].name +
                        "', which is searched; pin it in search_space.overrides or train "
                        "indicators for it");
    }
    genes_[i] = genes;
    searched_.push_back(i);
  }
  bundle_layers();
}

void AssignmentSolver::bundle_layers() {
  std::map<std::size_t, std::size_t> bundle_of;  // gene -> bundle
  for (const std::size_t i : searched_) {
    std::set<std::size_t> genes;
    for (const auto& gene : {genes_[i].weight, genes_[i].activation}) {
      if (gene) genes.insert(*gene);
    }
    Bundle joined{{i}, {genes.begin(), genes.end()}};
    for (const std::size_t gene : genes) {
      const auto known = bundle_of.find(gene);
      if (known == bundle_of.end() || bundles_[known->second].layers.empty()) continue;
      Bundle& other = bundles_[known->second];
      joined.layers.insert(joined.layers.begin(), other.layers.begin(), other.layers.end());
      joined.genes.insert(joined.genes.begin(), other.genes.begin(), other.genes.end());
      other = {};
    }
    std::sort(joined.genes.begin(), joined.genes.end());
    joined.genes.erase(std::unique(joined.genes.begin(), joined.genes.end()), joined.genes.end());
    for (const std::size_t gene : joined.genes) bundle_of[gene] = bundles_.size();
    bundles_.push_back(std::move(joined));
  }
  const auto is_empty = [](const Bundle& bundle) { return bundle.layers.empty(); };
  bundles_.erase(std::remove_if(bundles_.begin(), bundles_.end(), is_empty), bundles_.end());
}

const LayerChoice& AssignmentSolver::fixed(std::size_t layer) const {
  return *fixed_.find(space_.network().layers[layer].name);
}

std::int64_t AssignmentSolver::macs(std::size_t layer) const {
  const LayerInfo& info = space_.network().layers[layer];
  return options_.bitops_counting == "limpq" ? unrounded_macs(info) : info.macs;
}

bool AssignmentSolver::allows_pair(int weight, int activation) const {
  const auto& pairs = options_.pairs;
  return pairs.empty() ||
         std::find(pairs.begin(), pairs.end(), pair_word(weight, activation)) != pairs.end();
}

// Widths that task and indicators leave to a gene, widest first.
std::vector<int> AssignmentSolver::allowed_widths(const Gene& gene, const Task& task) const {
  const bool of_weight = gene.role != Gene::Role::kActivation;
  const bool of_activation = gene.role != Gene::Role::kWeight;
  if (!of_weight && task.fixed_act_bits > 0) return {task.fixed_act_bits};
  std::vector<int> widths = task.bits;
  if (widths.empty()) {
    for (const Format& format : gene.candidates) widths.push_back(format.bits);
    std::sort(widths.begin(), widths.end(), std::greater<>());
  }
  for (const int width : widths) {
    const auto& known = indicators_.bits;
    if (std::find(known.begin(), known.end(), width) != known.end()) continue;
    throw ConfigError("search_algorithm.indicators: " + options_.indicators +
                      " has no indicators of width " + std::to_string(width) +
                      "; set bits to what it has");
  }
  if (!options_.erase_outliers) return widths;
  // What is an outlier nowhere; every tensor is judged by all widths.
  std::vector<int> kept = widths;
  const auto keep = [&](const Importance& importance) {
    const std::vector<int> good = without_outliers(importance, widths);
    const auto is_bad = [&](int w) { return std::find(good.begin(), good.end(), w) == good.end(); };
    kept.erase(std::remove_if(kept.begin(), kept.end(), is_bad), kept.end());
  };
  for (const std::size_t i : gene.layers) {
    const LayerIndicators& layer = *importance_.at(i);
    if (of_weight) keep(layer.weight);
    if (of_activation) keep(layer.activation);
  }
  return kept;
}

std::vector<std::vector<int>> AssignmentSolver::allowed_candidates(const Task& task) const {
  const auto candidate_of = [](const Gene& gene, int width) -> std::optional<int> {
    const auto found = std::find_if(gene.candidates.begin(), gene.candidates.end(),
                                    [width](const Format& f) { return f.bits == width; });
    if (found == gene.candidates.end()) return std::nullopt;
    return static_cast<int>(found - gene.candidates.begin());
  };
  std::vector<std::vector<int>> allowed;
  for (const Gene& gene : space_.genes()) {
    std::vector<int> candidates;
    for (const int width : allowed_widths(gene, task)) {
      const std::optional<int> found = candidate_of(gene, width);
      // Layers may have candidates of their own.
      const bool is_known =
          std::any_of(space_.genes().begin(), space_.genes().end(),
                      [&](const Gene& other) { return candidate_of(other, width).has_value(); });
      if (!is_known) {
        throw ConfigError("search_algorithm.constraints: width " + std::to_string(width) +
                          " is not in search_space.bit_candidates; add it there");
      }
      if (found) candidates.push_back(*found);
    }
    allowed.push_back(std::move(candidates));
  }
  return allowed;
}

// BitOps and weight bits of the layers that are not searched.
std::pair<std::int64_t, std::int64_t> AssignmentSolver::fixed_costs() const {
  std::int64_t bitops = 0, bits = 0;
  const auto& layers = space_.network().layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].pinned) continue;
    const LayerChoice& choice = fixed(i);
    bitops += macs(i) * choice.weight.bits * choice.activation.bits;
    bits += layers[i].weights * choice.weight.bits;
  }
  return {bitops, bits};
}

// BitOps and weight bits come first, with or without a limit: of equally good policies the one that
// takes less of them wins.
std::vector<AssignmentSolver::Row> AssignmentSolver::rows(const Task& task) const {
  const ConstraintSet& limits = task.limits;
  const auto& layers = space_.network().layers;
  std::int64_t weights = 0;
  for (const LayerInfo& layer : layers) weights += layer.weights;
  std::int64_t uniform_bitops = 0, weight_count = 0, activation_count = 0;
  for (const std::size_t i : searched_) {
    const LayerGenes& genes = genes_.at(i);
    uniform_bitops += macs(i) * (genes.weight ? limits.bitops.wb : fixed(i).weight.bits) *
                      (genes.activation ? limits.bitops.ab : fixed(i).activation.bits);
    weight_count += genes.weight ? 1 : 0;
    activation_count += genes.activation ? 1 : 0;
  }
  const auto [fixed_bitops, fixed_bits] = fixed_costs();
  std::optional<std::int64_t> bitops, bits;
  if (limits.bitops.wb > 0) bitops = uniform_bitops;
  if (limits.bitops.giga > 0) bitops = floor_of(limits.bitops.giga * 1e9) - fixed_bitops;
  if (limits.compression_ratio > 0) {
    bits = floor_of(32.0 * double(weights) / limits.compression_ratio - double(fixed_bits));
  }
  if (limits.size_mib > 0) bits = floor_of(limits.size_mib * 8 * 1024 * 1024) - fixed_bits;

  std::vector<Row> rows;
  rows.push_back({{"BitOps of the searched layers", bitops, std::nullopt},
                  [this](std::size_t i, int w, int a) { return macs(i) * w * a; }});
  rows.push_back({{"weight bits of the searched layers", bits, std::nullopt},
                  [&layers](std::size_t i, int w, int) { return layers[i].weights * w; }});
  if (limits.avg_bits.w > 0) {
    rows.push_back({{"sum of the weight widths", floor_of(limits.avg_bits.w * double(weight_count)),
                     std::nullopt},
                    [this](std::size_t i, int w, int) -> std::int64_t {
                      return genes_.at(i).weight ? w : 0;
                    }});
  }
  if (limits.avg_bits.a > 0) {
    rows.push_back({{"sum of the activation widths",
                     floor_of(limits.avg_bits.a * double(activation_count)), std::nullopt},
                    [this](std::size_t i, int, int a) -> std::int64_t {
                      return genes_.at(i).activation ? a : 0;
                    }});
  }
  if (!limits.latency.table.empty()) rows.push_back(latency_row(limits.latency));
  const auto is_free = [](const Row& row) { return !row.row.most.has_value(); };
  while (rows.size() > 4) {
    const auto free = std::find_if(rows.begin(), rows.end(), is_free);
    if (free == rows.end()) {
      throw ConfigError("search_algorithm.constraints: set '" + limits.name +
                        "' has more than four limits; leave one out");
    }
    rows.erase(free);
  }
  return rows;
}

AssignmentSolver::Row AssignmentSolver::latency_row(const LatencyLimit& limit) const {
  const auto table = std::make_shared<LatencyTable>(read_latency_table(limit.table));
  const auto& layers = space_.network().layers;
  for (const std::size_t i : searched_) {
    if (table->count(layers[i].name)) continue;
    throw DataError(limit.table + ": has no layer '" + layers[i].name + "', which is searched");
  }
  return {{"latency in ns", floor_of(limit.budget_ms * 1e6), std::nullopt},
          [table, &layers](std::size_t i, int w, int a) -> std::int64_t {
            const auto& times = table->at(layers[i].name);
            const auto found = times.find(pair_word(w, a));
            return found == times.end() ? -1 : found->second;  // -1: no such operator
          }};
}

// All choices of the bundle's genes, those that prefer wide formats first.
std::vector<AssignmentSolver::Option> AssignmentSolver::options_of(
    const Bundle& bundle, const Task& task, const std::vector<std::vector<int>>& allowed,
    const std::vector<Row>& rows) const {
  double combinations = 1;
  for (const std::size_t gene : bundle.genes) combinations *= double(allowed[gene].size());
  if (combinations > double(kMostOptions)) {
    throw ConfigError("search_space: " + std::to_string(bundle.layers.size()) +
                      " layers are tied to each other, which makes too many choices at once; "
                      "untie them or offer fewer widths");
  }
  const auto width = [this](std::size_t gene, int candidate) {
    return space_.genes()[gene].candidates[static_cast<std::size_t>(candidate)].bits;
  };
  std::vector<Option> options;
  std::vector<std::size_t> position(bundle.genes.size(), 0);
  for (double done = 0; done < combinations; ++done) {
    std::map<std::size_t, int> chosen;  // gene -> candidate
    for (std::size_t g = 0; g < bundle.genes.size(); ++g) {
      chosen[bundle.genes[g]] = allowed[bundle.genes[g]][position[g]];
    }
    Option option;
    option.knapsack.uses.assign(rows.size(), 0);
    bool possible = true;
    for (const std::size_t i : bundle.layers) {
      const LayerGenes& genes = genes_.at(i);
      const int w =
          genes.weight ? width(*genes.weight, chosen[*genes.weight]) : fixed(i).weight.bits;
      const int a = genes.activation ? width(*genes.activation, chosen[*genes.activation])
                                     : fixed(i).activation.bits;
      possible = possible && (!genes.weight || !genes.activation || allows_pair(w, a));
      const LayerIndicators& layer = *importance_.at(i);
      // What is fixed does the same damage in every policy.
      if (genes.activation && task.fixed_act_bits == 0) {
        option.knapsack.cost += layer.activation.at(a);
      }
      if (genes.weight) option.knapsack.cost += task.alpha * layer.weight.at(w);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::int64_t use = rows[r].use(i, w, a);
        possible = possible && use >= 0;
        option.knapsack.uses[r] += use;
      }
    }
    for (const std::size_t gene : bundle.genes) option.choice.push_back(chosen[gene]);
    if (possible) options.push_back(std::move(option));
    for (std::size_t g = bundle.genes.size(); g-- > 0;) {
      if (++position[g] < allowed[bundle.genes[g]].size()) break;
      position[g] = 0;
    }
  }
  return options;
}

AssignmentSolver::Prepared AssignmentSolver::prepare(const Task& task) const {
  const auto allowed = allowed_candidates(task);
  const std::vector<Row> limits = rows(task);
  Prepared prepared;
  for (const Row& row : limits) prepared.problem.rows.push_back(row.row);
  if (task.limits.reversed) {
    auto& rows = prepared.problem.rows;
    KnapsackRow& limited = *std::find_if(
        rows.begin(), rows.end(), [](const KnapsackRow& row) { return row.most.has_value(); });
    // Never above `most`, which is negative where the fixed layers alone are too much.
    limited.least =
        std::min(*limited.most,
                 static_cast<std::int64_t>(std::ceil(kReversedShare * double(*limited.most))));
  }
  for (const Bundle& bundle : bundles_) {
    prepared.options.push_back(options_of(bundle, task, allowed, limits));
    if (prepared.options.back().empty()) {
      throw ConfigError("search_algorithm.constraints: set '" + task.limits.name +
                        "' leaves layer '" + space_.network().layers[bundle.layers.front()].name +
                        "' no pair of widths; look at pairs, the latency table and bits");
    }
    prepared.problem.groups.emplace_back();
    for (const Option& option : prepared.options.back()) {
      prepared.problem.groups.back().options.push_back(option.knapsack);
      if (task.limits.reversed) prepared.problem.groups.back().options.back().cost *= -1;
    }
  }
  return prepared;
}

std::vector<ConstraintSet> AssignmentSolver::sweep(const SweepOptions& options,
                                                   const Task& task) const {
  const Prepared prepared = prepare(task);
  std::array<double, 2> least{}, most{};  // of BitOps and weight bits, the first two rows
  for (const KnapsackGroup& group : prepared.problem.groups) {
    for (std::size_t row = 0; row < least.size(); ++row) {
      const auto by_use = [row](const KnapsackOption& a, const KnapsackOption& b) {
        return a.uses[row] < b.uses[row];
      };
      const auto [low, high] =
          std::minmax_element(group.options.begin(), group.options.end(), by_use);
      least[row] += double(low->uses[row]);
      most[row] += double(high->uses[row]);
    }
  }
  // 0 stands for no limit.
  auto bitops = geometric_levels(least[0], most[0], options.bitops);
  auto bits = geometric_levels(least[1], most[1], options.size);
  if (bitops.empty()) bitops = {0};
  if (bits.empty()) bits = {0};
  const auto [fixed_bitops, fixed_bits] = fixed_costs();
  std::vector<ConstraintSet> sets;
  for (std::size_t b = 0; b < bitops.size(); ++b) {
    for (std::size_t s = 0; s < bits.size(); ++s) {
      ConstraintSet set;
      set.name = "sweep";
      if (bitops[b] > 0) {
        set.name += "_b" + two_digits(b + 1);
        set.bitops.giga = (bitops[b] + double(fixed_bitops)) / 1e9;
      }
      if (bits[s] > 0) {
        set.name += "_s" + two_digits(s + 1);
        set.size_mib = (bits[s] + double(fixed_bits)) / (8.0 * 1024 * 1024);
      }
      sets.push_back(std::move(set));
    }
  }
  return sets;
}

Assignment AssignmentSolver::solve(const Task& task, const Solve& solve) const {
  const auto [problem, options] = prepare(task);
  Assignment result;
  result.name = task.limits.name;
  result.solution = solve(problem);
  result.optimal = result.solution.status == KnapsackSolution::Status::kOptimal;
  result.reason = result.solution.reason;
  if (!result.optimal) return result;
  if (task.limits.reversed) {
    result.solution.cost *= -1;
    result.solution.bound *= -1;
    if (result.solution.second_best) *result.solution.second_best *= -1;
  }
  std::vector<int> genome(space_.genes().size());
  for (std::size_t b = 0; b < bundles_.size(); ++b) {
    const auto chosen = static_cast<std::size_t>(result.solution.chosen[b]);
    for (std::size_t g = 0; g < bundles_[b].genes.size(); ++g) {
      genome[bundles_[b].genes[g]] = options[b][chosen].choice[g];
    }
  }
  result.policy = space_.decode(genome);
  for (const std::size_t i : searched_) {
    const LayerChoice& choice = *result.policy.find(space_.network().layers[i].name);
    result.weight_bits.push_back(choice.weight.bits);
    result.activation_bits.push_back(choice.activation.bits);
  }
  result.totals = totals_of(result.policy);
  return result;
}

Totals AssignmentSolver::totals_of(const BitPolicy& policy) const {
  Totals totals;
  std::int64_t weights = 0;
  const auto& layers = space_.network().layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerChoice& choice = *policy.find(layers[i].name);
    const std::int64_t bitops = macs(i) * choice.weight.bits * choice.activation.bits;
    const std::int64_t bits = layers[i].weights * choice.weight.bits;
    totals.bitops += bitops;
    totals.weight_bits += bits;
    weights += layers[i].weights;
    if (layers[i].pinned) continue;
    totals.searched_bitops += bitops;
    totals.searched_weight_bits += bits;
  }
  totals.compression_ratio = 32.0 * double(weights) / double(totals.weight_bits);
  return totals;
}

}  // namespace deneb::limpq
