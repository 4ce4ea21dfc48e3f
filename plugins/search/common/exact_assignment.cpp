#include "exact_assignment.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include <deneb/io/files.h>
#include <deneb/io/json.h>

namespace deneb::searches {
namespace {

constexpr std::size_t kMostOptions = 20000;  // of one bundle of tied layers
constexpr double kReversedShare = 0.95;      // of a limit that a reversed policy has to use
constexpr double kCostResolution = 1e12;     // steps that a cost of fractions is counted in

// Nanoseconds per layer and pair of formats.
using LatencyTable = std::map<std::string, std::map<std::string, std::int64_t>>;

LatencyTable read_latency_table(const std::string& path) {
  const auto root = parse_ordered_json(read_file(path));
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

// They need not be candidates, as nothing is chosen.
std::vector<int> fixed_widths(const AssignmentOptions& options) {
  std::vector<int> widths = {options.fixed_act_bits};
  for (const ConstraintSet& set : options.constraints) {
    widths.push_back(set.fixed_act_bits.value_or(0));
  }
  widths.erase(std::remove(widths.begin(), widths.end(), 0), widths.end());
  return widths;
}

}  // namespace

std::string pair_word(const Format& weight, const Format& activation) {
  if (weight.is_integer() && activation.is_integer()) {
    return "w" + std::to_string(weight.bits) + "a" + std::to_string(activation.bits);
  }
  const auto word = [](const Format& format) {
    return format.is_integer() ? Format::integer(format.bits, true).text() : format.text();
  };
  return word(weight) + "/" + word(activation);
}

bool is_pair_word(const std::string& word) {
  const std::size_t slash = word.find('/');
  try {
    if (slash != std::string::npos) {
      const Format weight = Format::parse(word.substr(0, slash));
      return pair_word(weight, Format::parse(word.substr(slash + 1))) == word;
    }
    const std::size_t a = word.find('a');
    if (word.empty() || word[0] != 'w' || a == std::string::npos) return false;
    const Format weight = Format::parse("int" + word.substr(1, a - 1));
    return pair_word(weight, Format::parse("int" + word.substr(a + 1))) == word;
  } catch (const ConfigError&) {
    return false;
  }
}

AssignmentSolver::AssignmentSolver(const SearchSetup& setup, const LayerScores& scores,
                                   const AssignmentOptions& options, std::string source)
    : setup_(setup),
      space_(setup.space().with_activation_widths(fixed_widths(options))),
      scores_(scores),
      options_(options),
      source_(std::move(source)) {
  for (const LayerScore& known : scores.layers) {
    if (space_.network().find(known.name)) continue;
    throw ConfigError("search_algorithm: " + source_ + " has a layer '" + known.name + "' that " +
                      space_.network().model + " lacks; the scores belong to another network");
  }
  find_searched();
  bundle_layers();
}

const LayerInfo& AssignmentSolver::info(const Searched& searched) const {
  return space_.network().layers[searched.layer];
}

void AssignmentSolver::find_searched() {
  const auto& layers = space_.network().layers;
  const BitPolicy any = space_.decode(space_.widest());
  for (const LayerGenes& genes : space_.layer_genes()) {
    const std::string& name = layers[genes.layer].name;
    const LayerScore* scores = scores_.find(name);
    if (!scores) {
      throw ConfigError("search_algorithm: " + source_ + " has no layer '" + name +
                        "', which is searched; pin it in search_space.overrides or make scores for "
                        "it");
    }
    searched_.push_back({genes.layer, genes.weight, genes.activation, *any.find(name), scores});
  }
}

void AssignmentSolver::bundle_layers() {
  std::map<std::size_t, std::size_t> bundle_of;  // gene -> bundle
  for (std::size_t i = 0; i < searched_.size(); ++i) {
    Bundle joined{{i}, {}};
    for (const auto& gene : {searched_[i].weight_gene, searched_[i].activation_gene}) {
      if (gene) joined.genes.push_back(*gene);
    }
    for (const std::size_t gene : std::vector<std::size_t>(joined.genes)) {
      const auto known = bundle_of.find(gene);
      if (known == bundle_of.end() || bundles_[known->second].searched.empty()) continue;
      Bundle& other = bundles_[known->second];
      joined.searched.insert(joined.searched.begin(), other.searched.begin(), other.searched.end());
      joined.genes.insert(joined.genes.begin(), other.genes.begin(), other.genes.end());
      other = {};
    }
    std::sort(joined.genes.begin(), joined.genes.end());
    joined.genes.erase(std::unique(joined.genes.begin(), joined.genes.end()), joined.genes.end());
    for (const std::size_t gene : joined.genes) bundle_of[gene] = bundles_.size();
    bundles_.push_back(std::move(joined));
  }
  const auto is_empty = [](const Bundle& bundle) { return bundle.searched.empty(); };
  bundles_.erase(std::remove_if(bundles_.begin(), bundles_.end(), is_empty), bundles_.end());
}

std::int64_t AssignmentSolver::macs(const LayerInfo& layer) const {
  return options_.bitops_counting == "limpq" ? unrounded_macs(layer) : layer.macs;
}

// Pairs say nothing about a layer with one decision only.
bool AssignmentSolver::allows_pair(const Searched& layer, const LayerChoice& choice) const {
  const auto& pairs = options_.pairs;
  if (!layer.weight_gene || !layer.activation_gene) return true;
  return pairs.empty() || std::find(pairs.begin(), pairs.end(),
                                    pair_word(choice.weight, choice.activation)) != pairs.end();
}

bool AssignmentSolver::is_activation_gene(std::size_t gene) const {
  return space_.genes()[gene].role == Gene::Role::kActivation;
}

// Candidates that query and scores leave to a gene, widest first.
std::vector<int> AssignmentSolver::allowed_candidates(std::size_t gene,
                                                      const AssignmentQuery& query) const {
  const std::vector<Format>& formats = space_.genes()[gene].candidates;
  const bool fixed = query.fixed_act_bits > 0 && is_activation_gene(gene);
  const auto& offered = setup_.space().genes();
  const std::size_t count = fixed ? formats.size() : offered[gene].candidates.size();
  const std::vector<int> widths = fixed ? std::vector<int>{query.fixed_act_bits} : query.bits;
  std::vector<int> candidates;
  if (widths.empty()) {
    for (std::size_t i = 0; i < count; ++i) candidates.push_back(static_cast<int>(i));
  }
  const auto has = [](const Gene& gene, int width) {
    return std::any_of(gene.candidates.begin(), gene.candidates.end(), [&](const Format& format) {
      return format.is_integer() && format.bits == width;
    });
  };
  for (const int width : widths) {
    const auto& genes = fixed ? space_.genes() : offered;
    if (std::none_of(genes.begin(), genes.end(), [&](const Gene& g) { return has(g, width); })) {
      throw ConfigError("search_algorithm.constraints: width " + std::to_string(width) +
                        " is not in search_space.bit_candidates; add it there");
    }
    // Layers with candidates of their own take what they have of the widths.
    for (std::size_t i = 0; i < count; ++i) {
      if (formats[i].is_integer() && formats[i].bits == width) {
        candidates.push_back(static_cast<int>(i));
      }
    }
  }
  if (candidates.empty()) {
    throw ConfigError("search_algorithm.constraints: set '" + query.limits.name +
                      "' leaves layer '" +
                      space_.network().layers[space_.genes()[gene].layers.front()].name +
                      "' no width; look at bits, fixed_act_bits and search_space.overrides");
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&](int a, int b) {
    return formats[std::size_t(a)].bits > formats[std::size_t(b)].bits;
  });
  return options_.erase_outliers && !fixed ? without_outliers(gene, std::move(candidates))
                                           : candidates;
}

// A width whose score is smaller than that of the next larger one, for any tensor of the gene, is
// an outlier; the largest never is. All are judged before any is left out. Differs from LIMPQ's
// code (quantization_search/search.py), which compares width b with b - 1 whether or not that is a
// candidate; the same for lists without gaps.
std::vector<int> AssignmentSolver::without_outliers(std::size_t gene,
                                                    std::vector<int> candidates) const {
  const Gene& decision = space_.genes()[gene];
  const auto format = [&](int candidate) { return decision.candidates[std::size_t(candidate)]; };
  const auto is_outlier = [&](const FormatScores& scores, int wider, int narrower) {
    const auto high = find_score(scores, format(wider)), low = find_score(scores, format(narrower));
    return high && low && *low < *high;
  };
  std::vector<int> kept;
  std::optional<int> wider;
  for (const int candidate : candidates) {
    bool outlier = false;
    for (const Searched& layer : searched_) {
      if (!wider || !format(candidate).is_integer()) break;
      if (layer.weight_gene == gene) {
        outlier |= is_outlier(layer.scores->weight, *wider, candidate);
      }
      if (layer.activation_gene == gene) {
        outlier |= is_outlier(layer.scores->activation, *wider, candidate);
      }
    }
    if (format(candidate).is_integer()) wider = candidate;
    if (!outlier) kept.push_back(candidate);
  }
  return kept;
}

LayerChoice AssignmentSolver::choice_of(const Searched& layer,
                                        const std::map<std::size_t, int>& chosen) const {
  LayerChoice choice = layer.fixed;
  const auto format = [&](std::size_t gene) {
    return space_.genes()[gene].candidates[static_cast<std::size_t>(chosen.at(gene))];
  };
  if (layer.weight_gene) choice.weight = format(*layer.weight_gene);
  if (layer.activation_gene) choice.activation = format(*layer.activation_gene);
  return choice;
}

double AssignmentSolver::score_of(const Searched& layer, const LayerChoice& choice,
                                  const AssignmentQuery& query) const {
  const auto score = [&](QuantizerRole role, const Format& format) {
    const auto found = find_score(layer.scores->of(role), format);
    if (found) return *found;
    throw ConfigError("search_algorithm: " + source_ + " has no score of layer '" +
                      info(layer).name + "' for " +
                      (role == QuantizerRole::kWeight ? "weights" : "activations") + " in " +
                      format.text() + "; set bits or search_space to what it has");
  };
  double sum = 0;
  if (layer.activation_gene && query.fixed_act_bits == 0) {
    sum += score(QuantizerRole::kActivation, choice.activation);
  }
  if (layer.weight_gene) sum += query.alpha * score(QuantizerRole::kWeight, choice.weight);
  return sum;
}

// BitOps and weight bits of the layers that are not searched.
std::pair<std::int64_t, std::int64_t> AssignmentSolver::fixed_costs() const {
  const BitPolicy fixed = space_.decode(space_.widest());
  std::set<std::size_t> searched;
  for (const Searched& layer : searched_) searched.insert(layer.layer);
  std::int64_t bitops = 0, bits = 0;
  const auto& layers = space_.network().layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (searched.count(i)) continue;
    const LayerChoice& choice = *fixed.find(layers[i].name);
    bitops += macs(layers[i]) * choice.weight.bits * choice.activation.bits;
    bits += layers[i].weights * choice.weight.bits;
  }
  return {bitops, bits};
}

// BitOps and weight bits come first, with or without a limit: of equally good policies the one that
// takes less of them wins.
std::vector<AssignmentSolver::Row> AssignmentSolver::rows(const AssignmentQuery& query) const {
  const ConstraintSet& limits = query.limits;
  std::int64_t weights = 0, uniform_bitops = 0;  // of uniform widths where a layer is searched
  for (const LayerInfo& layer : space_.network().layers) weights += layer.weights;
  for (const Searched& layer : searched_) {
    const std::int64_t w = layer.weight_gene ? limits.bitops.wb : layer.fixed.weight.bits;
    const std::int64_t a = layer.activation_gene ? limits.bitops.ab : layer.fixed.activation.bits;
    uniform_bitops += macs(info(layer)) * w * a;
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
                  [this](const Searched& layer, const LayerChoice& c) {
                    return macs(info(layer)) * c.weight.bits * c.activation.bits;
                  }});
  rows.push_back({{"weight bits of the searched layers", bits, std::nullopt},
                  [this](const Searched& layer, const LayerChoice& c) {
                    return info(layer).weights * c.weight.bits;
                  }});
  // Means are over the decisions; what is fixed has no part in them.
  const auto decisions = [this](const auto& gene) {
    return double(std::count_if(searched_.begin(), searched_.end(), gene));
  };
  if (limits.avg_bits.w > 0) {
    const double count =
        decisions([](const Searched& layer) { return layer.weight_gene.has_value(); });
    rows.push_back({{"sum of the weight widths", floor_of(limits.avg_bits.w * count), std::nullopt},
                    [](const Searched& layer, const LayerChoice& c) -> std::int64_t {
                      return layer.weight_gene ? c.weight.bits : 0;
                    }});
  }
  if (limits.avg_bits.a > 0) {
    const double count =
        decisions([](const Searched& layer) { return layer.activation_gene.has_value(); });
    rows.push_back(
        {{"sum of the activation widths", floor_of(limits.avg_bits.a * count), std::nullopt},
         [](const Searched& layer, const LayerChoice& c) -> std::int64_t {
           return layer.activation_gene ? c.activation.bits : 0;
         }});
  }
  if (!limits.latency.table.empty()) rows.push_back(latency_row(limits.latency));
  for (const CostLimit& limit : limits.costs) rows.push_back(cost_row(limit));
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
  for (const Searched& layer : searched_) {
    if (table->count(info(layer).name)) continue;
    throw DataError(limit.table + ": has no layer '" + info(layer).name + "', which is searched");
  }
  return {{"latency in ns", floor_of(limit.budget_ms * 1e6), std::nullopt},
          [this, table](const Searched& layer, const LayerChoice& choice) -> std::int64_t {
            const auto& times = table->at(info(layer).name);
            const auto found = times.find(pair_word(choice.weight, choice.activation));
            return found == times.end() ? -1 : found->second;  // -1: no such operator
          }};
}

// Costs are counted in whole steps: exactly where they are multiples of a small fraction, else
// rounded up, so that no policy is above the limit.
AssignmentSolver::Row AssignmentSolver::cost_row(const CostLimit& limit) const {
  const CostModel& model = setup_.cost_model(limit.cost);
  const NetworkInfo& network = space_.network();
  const BitPolicy policy = space_.decode(space_.widest());
  double fixed = model.total(network, policy);
  double largest = 0;
  std::vector<double> costs;
  for (const Searched& layer : searched_) {
    const LayerInfo& facts = info(layer);
    fixed -= model.layer(facts, *policy.find(facts.name));
    const auto formats = [&](const std::optional<std::size_t>& gene, const Format& only) {
      return gene ? space_.genes()[*gene].candidates : std::vector<Format>{only};
    };
    double most = 0;
    for (const Format& weight : formats(layer.weight_gene, layer.fixed.weight)) {
      for (const Format& activation : formats(layer.activation_gene, layer.fixed.activation)) {
        costs.push_back(model.layer(facts, {weight, activation}));
        most = std::max(most, std::fabs(costs.back()));
      }
    }
    largest += most;
  }
  // What is fixed does not depend on the choice.
  const BitPolicy other = space_.decode(space_.narrowest());
  double also_fixed = model.total(network, other);
  for (const Searched& layer : searched_) {
    also_fixed -= model.layer(info(layer), *other.find(info(layer).name));
  }
  if (std::fabs(also_fixed - fixed) > 1e-6 * std::max(std::fabs(fixed), largest)) {
    throw ConfigError("cost " + limit.cost +
                      " is not the sum of the costs of the layers, so an exact assignment cannot "
                      "keep a limit on it; limit another cost, such as bitops");
  }
  const double allowed = largest_cost(limit, model, space_);
  double scale = kCostResolution / std::max(largest, 1e-300);
  bool exact = false;
  for (const double steps : {1.0, 32.0, 256.0, 1000.0, 1e6}) {
    const auto is_whole = [steps](double cost) {
      return std::fabs(cost * steps - std::round(cost * steps)) <= 1e-12 * std::fabs(cost * steps);
    };
    if (largest * steps > 1e15 || !std::all_of(costs.begin(), costs.end(), is_whole)) continue;
    scale = steps;
    exact = true;
    break;
  }
  Row row{{limit.cost + " of the searched layers" +
               (scale == 1 ? "" : " times " + nlohmann::json(scale).dump()),
           floor_of((allowed - fixed) * scale), std::nullopt},
          [this, &model, scale, exact](const Searched& layer, const LayerChoice& choice) {
            const double cost = model.layer(info(layer), choice) * scale;
            return static_cast<std::int64_t>(exact ? std::llround(cost) : std::ceil(cost));
          }};
  row.may_be_negative = true;
  return row;
}

// All choices of the bundle's genes, those that prefer wide formats first.
std::vector<AssignmentSolver::Option> AssignmentSolver::options_of(
    const Bundle& bundle, const AssignmentQuery& query,
    const std::vector<std::vector<int>>& allowed, const std::vector<Row>& rows) const {
  double combinations = 1;
  for (const std::size_t gene : bundle.genes) combinations *= double(allowed[gene].size());
  if (combinations > double(kMostOptions)) {
    throw ConfigError("search_space: " + std::to_string(bundle.searched.size()) +
                      " layers are tied to each other, which makes too many choices at once; "
                      "untie them or offer fewer widths");
  }
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
    for (const std::size_t i : bundle.searched) {
      const LayerChoice choice = choice_of(searched_[i], chosen);
      possible = possible && allows_pair(searched_[i], choice);
      option.knapsack.cost += score_of(searched_[i], choice, query);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::int64_t use = rows[r].use(searched_[i], choice);
        possible = possible && (use >= 0 || rows[r].may_be_negative);
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

AssignmentSolver::Prepared AssignmentSolver::prepare(const AssignmentQuery& query) const {
  const auto is_both = [](const Gene& gene) { return gene.role == Gene::Role::kBoth; };
  if (query.fixed_act_bits > 0 &&
      std::any_of(space_.genes().begin(), space_.genes().end(), is_both)) {
    throw ConfigError(
        "search_algorithm.fixed_act_bits: cannot be with search_space.tie_weight_activation; "
        "remove one of them");
  }
  std::vector<std::vector<int>> allowed;
  for (std::size_t g = 0; g < space_.genes().size(); ++g) {
    allowed.push_back(allowed_candidates(g, query));
  }
  const std::vector<Row> limits = rows(query);
  Prepared prepared;
  for (const Row& row : limits) prepared.problem.rows.push_back(row.row);
  const double fill = query.limits.reversed ? std::max(query.fill, kReversedShare) : query.fill;
  if (fill > 0) {
    auto& rows = prepared.problem.rows;
    const auto limited = std::find_if(rows.begin(), rows.end(),
                                      [](const KnapsackRow& row) { return row.most.has_value(); });
    // Never above `most`, which is negative where the fixed layers alone are too much.
    if (limited != rows.end()) {
      limited->least = std::min(
          *limited->most, static_cast<std::int64_t>(std::ceil(fill * double(*limited->most))));
    }
  }
  for (const Bundle& bundle : bundles_) {
    prepared.options.push_back(options_of(bundle, query, allowed, limits));
    if (prepared.options.back().empty()) {
      throw ConfigError("search_algorithm.constraints: set '" + query.limits.name +
                        "' leaves layer '" + info(searched_[bundle.searched.front()]).name +
                        "' no pair of widths; look at pairs, the latency table and bits");
    }
    prepared.problem.groups.emplace_back();
    for (const Option& option : prepared.options.back()) {
      prepared.problem.groups.back().options.push_back(option.knapsack);
      if (query.limits.reversed) prepared.problem.groups.back().options.back().cost *= -1;
    }
  }
  return prepared;
}

std::vector<ConstraintSet> AssignmentSolver::sweep(const SweepOptions& options,
                                                   const AssignmentQuery& query) const {
  const Prepared prepared = prepare(query);
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

Assignment AssignmentSolver::solve(const AssignmentQuery& query, const Solve& solve) const {
  const auto [problem, options] = prepare(query);
  Assignment result;
  result.name = query.limits.name;
  result.solution = solve(problem);
  result.optimal = result.solution.status == KnapsackSolution::Status::kOptimal;
  result.reason = result.solution.reason;
  if (!result.optimal) return result;
  if (query.limits.reversed) {
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
  for (const Searched& layer : searched_) {
    const LayerChoice& choice = *result.policy.find(info(layer).name);
    result.weight_bits.push_back(choice.weight.bits);
    result.activation_bits.push_back(choice.activation.bits);
  }
  result.totals = totals_of(result.policy);
  return result;
}

AssignmentTotals AssignmentSolver::totals_of(const BitPolicy& policy) const {
  AssignmentTotals totals;
  std::int64_t weights = 0;
  const auto [fixed_bitops, fixed_bits] = fixed_costs();
  for (const LayerInfo& layer : space_.network().layers) {
    const LayerChoice& choice = *policy.find(layer.name);
    totals.bitops += macs(layer) * choice.weight.bits * choice.activation.bits;
    totals.weight_bits += layer.weights * choice.weight.bits;
    weights += layer.weights;
  }
  totals.searched_bitops = totals.bitops - fixed_bitops;
  totals.searched_weight_bits = totals.weight_bits - fixed_bits;
  totals.compression_ratio = 32.0 * double(weights) / double(totals.weight_bits);
  return totals;
}

}  // namespace deneb::searches
