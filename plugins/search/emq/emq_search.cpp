#include "emq_search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/random.h>
#include <deneb/search/benchmark.h>
#include <deneb/search/layer_scores.h>

#include "emq_report.h"
#include "evolution.h"
#include "network_inputs.h"
#include "policy_set.h"
#include "proxy_file.h"
#include "score_figures.h"

namespace deneb::emq {
namespace {

using nlohmann::ordered_json;

// Rows of every table of correlations.
constexpr const char* kSizeRow = "size of the weights";
constexpr const char* kBitopsRow = "bitops";

// The layers of the step whose weights are searched, and their integer widths.
struct SearchedWeights {
  std::vector<std::string> names;
  std::vector<std::vector<int>> widths;  // by layer
};

SearchedWeights searched_weights(const SearchSpace& space) {
  SearchedWeights searched;
  for (const LayerGenes& genes : space.layer_genes()) {
    if (!genes.weight) continue;
    const std::string& name = space.network().layers[genes.layer].name;
    searched.names.push_back(name);
    searched.widths.emplace_back();
    for (const Format& format : space.genes()[*genes.weight].candidates) {
      if (!format.is_integer()) {
        throw ConfigError("search_space: the weights of '" + name + "' may be " + format.text() +
                          ", and proxies know integer widths only; take it out");
      }
      searched.widths.back().push_back(format.bits);
    }
  }
  if (searched.names.empty()) {
    throw ConfigError(
        "search_space: fixes all weights, and a proxy scores weights; let them be searched");
  }
  return searched;
}

std::vector<int> ascending(const std::set<int>& widths) { return {widths.begin(), widths.end()}; }

TopBy top_by(const EmqOptions& options) {
  return options.fitness.topk_by == "truth" ? TopBy::kTruth : TopBy::kPredicted;
}

std::vector<std::string> layer_names(const Benchmark& benchmark) {
  std::vector<std::string> names;
  for (const BenchmarkLayer& layer : benchmark.layers) names.push_back(layer.name);
  return names;
}

void check_layers(const Benchmark& benchmark, const NetworkInfo& network, const std::string& file) {
  for (const BenchmarkLayer& layer : benchmark.layers) {
    if (network.find(layer.name)) continue;
    throw ConfigError("search_algorithm.benchmark: " + file + " has a layer '" + layer.name +
                      "' that " + network.model + " lacks; it belongs to another network");
  }
}

// A checkpoint goes with these alone.
std::string identity_of(const EmqOptions& options, const Benchmark& benchmark,
                        const SearchContext& context) {
  EmqOptions shown = options;
  const std::string content = read_file(options.benchmark);
  shown.benchmark = std::to_string(derive_seed(0, content));
  shown.evolution.checkpoint_seconds = 0;
  shown.compare.clear();
  return write_options(walk(shown)).dump() + " " + benchmark.name + " " +
         context.space().network().model + " " + std::to_string(context.seed("evolution"));
}

class Search {
 public:
  Search(SearchContext& context, const EmqOptions& options)
      : context_(context), options_(options), searched_(searched_weights(context.space())) {
    if (!options_.benchmark.empty()) {
      benchmark_ = read_benchmark(options_.benchmark);
      check_layers(*benchmark_, context_.space().network(), options_.benchmark);
      compare_weights();
    }
    if (!options_.proxy.empty()) proxy_ = read_proxy(options_.proxy);
  }

  SearchResult run() {
    collect();
    if (!proxy_) evolve();
    context_.log("proxy: " + formula_of(proxy_->genotype));
    if (benchmark_) compare();
    const std::string proxy_file = context_.artifact_path("proxy.json");
    const std::string scores_file = context_.artifact_path("layer_scores.json");
    const LayerScores scores = layer_scores();
    write_layer_scores(scores_file, scores);
    write_proxy(proxy_file, *proxy_);
    for (HeatMap& map : searches::score_heat_maps(scores)) {
      map.title = "Scores of weights";
      map.text = "The proxy's scores of every layer at every width, with their sign turned: " +
                 formula_of(proxy_->genotype) + ".";
      result_.heat_maps.push_back(std::move(map));
    }
    result_.artifacts = {{"proxy", proxy_file}, {"layer_scores", scores_file}};
    return std::move(result_);
  }

 private:
  // Accuracies belong to the weights that they were measured with.
  void compare_weights() {
    const std::string own = context_.provenance().value("weights_sha256", "");
    if (own.empty() || benchmark_->weights_sha256.empty() || own == benchmark_->weights_sha256) {
      return;
    }
    context_.log("the benchmark " + options_.benchmark +
                 " was measured with other weights than this step's: its accuracies are those of "
                 "another network");
  }

  void collect() {
    std::set<int> widths;
    for (const auto& layer : searched_.widths) widths.insert(layer.begin(), layer.end());
    space_widths_ = ascending(widths);
    if (benchmark_) {
      widths.insert(benchmark_->candidate_bits.begin(), benchmark_->candidate_bits.end());
    }
    InputsRequest request;
    request.inputs = options_.inputs;
    if (proxy_) {
      const auto& read = proxy_->genotype.inputs;
      request.inputs = ascending_names({read.begin(), read.end()});
    }
    request.widths = ascending(widths);
    request.samples = options_.samples;
    request.hessian.draws = options_.hessian_draws;
    request.hessian.tolerance = options_.hessian_tolerance;
    context_.progress(0, 1, "collecting statistics");
    network_.emplace(context_, request);
    context_.log("statistics: " + std::to_string(network_->work().forward_passes) +
                 " forward passes, " + std::to_string(network_->work().backward_passes) +
                 " backward passes, " + std::to_string(network_->work().hessian_products) +
                 " products with the Hessian");
    if (benchmark_) {
      tabulator_.emplace(network_->of(layer_names(*benchmark_), benchmark_->candidate_bits,
                                      semantics(), "search_algorithm.benchmark"));
    }
  }

  static std::vector<std::string> ascending_names(const std::set<std::string>& names) {
    return {names.begin(), names.end()};
  }

  Semantics semantics() const {
    return proxy_ ? proxy_->genotype.semantics
                  : parse_semantics(options_.semantics, "search_algorithm.semantics");
  }

  void evolve() {
    const PolicySet policies =
        policies_of(*benchmark_, "evolve", options_.fitness.policies, context_.seed("policies"));
    if (policies.choices.size() < 2) {
      throw ConfigError("search_algorithm.benchmark: " + options_.benchmark + " has " +
                        std::to_string(policies.choices.size()) +
                        " policies of the split evolve, and proxies are evolved by two or more");
    }
    const Semantics semantics = this->semantics();
    const auto judge_genotype = [&](const Genotype& genotype) {
      const Tabulation found = tabulator_->tabulate(genotype);
      if (!found.table) {
        Judgment rejected;
        rejected.rejected = found.rejected;
        return rejected;
      }
      return judge(scores_of(*found.table, policies), policies, semantics, options_.fitness.measure,
                   top_by(options_));
    };
    Evolution evolution(
        options_.evolution,
        make_gene_pool(parse_structure(options_.structure, "search_algorithm.structure"), semantics,
                       options_.inputs, options_.unary, options_.binary,
                       options_.evolution.operator_priors),
        context_.seed("evolution"), judge_genotype);
    run_evolution(evolution);
    const Member& chosen = choose(evolution);
    proxy_ = ProxyFile{"evolved", chosen.genotype,
                       ordered_json{{"search", "EMQ"},
                                    {"benchmark", benchmark_->name},
                                    {"network", context_.space().network().model},
                                    {"dataset", benchmark_->dataset},
                                    {"weights_sha256", benchmark_->weights_sha256},
                                    {"fitness", options_.fitness.measure},
                                    {"value", chosen.fitness},
                                    {"policies", policies.choices.size()},
                                    {"generations", evolution.iteration()},
                                    {"seed", context_.seed("evolution")}}};
    const std::string counts = text_of(evolution.counts());
    context_.log("proxies: " + counts);
    result_.figures.push_back(fitness_figure(
        evolution.best(), evolution.mean(),
        "Over " + std::to_string(policies.choices.size()) + " policies of the split evolve, by " +
            options_.fitness.measure + ". Found: " + formula_of(proxy_->genotype) +
            ". Proxies: " + counts + "."));
    write_evolution(evolution);
  }

  // Goes on from the checkpoint, and leaves one whatever happens.
  void run_evolution(Evolution& evolution) {
    const std::string path = context_.artifact_path("evolution.checkpoint.json");
    const std::string identity = identity_of(options_, *benchmark_, context_);
    if (std::filesystem::exists(path)) {
      const auto root = ordered_json::parse(read_file(path), nullptr, false);
      if (!root.is_object() || !root.contains("identity") || !root.contains("state")) {
        throw DataError(path + ": is damaged; delete it to start anew");
      }
      if (root.at("identity") != identity) {
        throw ConfigError(path + ": belongs to other options; delete it to start anew");
      }
      try {
        evolution.restore(root.at("state"));
      } catch (const DataError& e) {
        throw DataError(path + ": " + e.what() + "; delete it to start anew");
      }
    }
    using Clock = std::chrono::steady_clock;
    auto saved = Clock::now();
    const auto save = [&] {
      write_file_atomically(
          path, ordered_json{{"identity", identity}, {"state", evolution.state()}}.dump() + "\n");
      saved = Clock::now();
    };
    const std::int64_t generations = options_.evolution.iterations;
    try {
      while (!evolution.done()) {
        throw_if_stopping();
        evolution.advance();
        const bool breeding = !evolution.best().empty();
        context_.progress(evolution.iteration(), generations,
                          breeding
                              ? "evolving, best fitness " + std::to_string(evolution.best().back())
                              : "drawing the first population, " +
                                    std::to_string(evolution.population().size()) + " valid");
        const std::chrono::duration<double> passed = Clock::now() - saved;
        if (passed.count() >= options_.evolution.checkpoint_seconds) save();
      }
    } catch (const Interrupted&) {
      save();
      throw;
    }
    save();
  }

  const Member& choose(const Evolution& evolution) {
    const auto& population = evolution.population();
    if (options_.choose_by == "evolve") return population.front();
    const PolicySet valid = policies_of(*benchmark_, "valid");
    const Member* best = nullptr;
    double highest = 0;
    for (const Member& member : population) {
      const Tabulation found = tabulator_->tabulate(member.genotype);
      const auto value = fitness_of(options_.fitness.measure, top_by(options_), valid.accuracy,
                                    scores_of(*found.table, valid));
      if (value && (!best || *value > highest)) {
        best = &member;
        highest = *value;
      }
    }
    if (!best) {
      throw ConfigError(
          "search_algorithm.choose_by: no proxy has a correlation on the split valid of " +
          options_.benchmark + ", which has " + std::to_string(valid.choices.size()) +
          " policies; choose by evolve");
    }
    return *best;
  }

  void write_evolution(const Evolution& evolution) const {
    auto members = ordered_json::array();
    for (const Member& member : evolution.population()) {
      members.push_back({{"fitness", member.fitness},
                         {"genotype", to_json(member.genotype)},
                         {"formula", formula_of(member.genotype)}});
    }
    write_file_atomically(context_.artifact_path("evolution.json"),
                          ordered_json{{"counts", evolution.counts()},
                                       {"best", evolution.best()},
                                       {"mean", evolution.mean()},
                                       {"population", members}}
                                  .dump(1) +
                              "\n");
  }

  // The proxy and the others on all splits. The split test is read here for the first time, when
  // nothing is left to be chosen.
  void compare() {
    const Tabulation found = tabulator_->tabulate(proxy_->genotype);
    if (!found.table) throw no_value(found, "search_algorithm.benchmark");
    PolicySet all;
    std::vector<PolicySet> splits;
    for (const std::string& split : benchmark_splits()) {
      splits.push_back(policies_of(*benchmark_, split));
      const PolicySet& set = splits.back();
      all.size.insert(all.size.end(), set.size.begin(), set.size.end());
    }
    const std::vector<double> limits = size_limits_of(all, options_.regret_sizes);
    std::vector<std::pair<std::string, LayerScores>> others;
    for (const CompareOptions& row : options_.compare) {
      others.emplace_back(row.name, read_layer_scores(row.scores));
    }
    const std::string name = proxy_->name.empty() ? "proxy" : proxy_->name;
    std::vector<Correlations> rows;
    const auto add = [&](const std::string& row, const PolicySet& set, const Values& score) {
      rows.push_back(correlate(row, set, score, limits, top_by(options_), options_.bootstrap,
                               context_.seed("bootstrap " + set.split)));
    };
    for (const PolicySet& set : splits) {
      if (set.choices.empty()) continue;
      const Values score = scores_of(*found.table, set);
      add(name, set, score);
      result_.figures.push_back(scatter_figure(set, score, rows.back()));
      context_.log("rho of the best 20, 50 and 100 % on " + set.split + ": " +
                   text_of(rows.back().top[0]) + ", " + text_of(rows.back().top[1]) + ", " +
                   text_of(rows.back().top[2]));
      for (const auto& [other, scores] : others) {
        add(other, set, scores_of(scores, *benchmark_, set, "search_algorithm.compare " + other));
      }
      // What more bits alone tell.
      add(kSizeRow, set, set.size);
      add(kBitopsRow, set, set.bitops);
    }
    write_file_atomically(context_.artifact_path("correlations.csv"),
                          correlations_csv(rows, limits));
    if (!rows.empty()) {
      result_.figures.push_back(correlation_figure(rows, rows.back().split));
    }
  }

  ConfigError no_value(const Tabulation& tabulation, const std::string& where) const {
    return ConfigError(where + ": the proxy " + formula_of(proxy_->genotype) +
                       (tabulation.rejected == "shape"
                            ? " does not fit the shapes of its inputs here"
                            : " has a value here that is not finite") +
                       "; take another proxy, or semantics clean");
  }

  LayerScores layer_scores() const {
    Tabulator tabulator(network_->of(searched_.names, space_widths_, semantics(), "search_space"));
    const Tabulation found = tabulator.tabulate(proxy_->genotype);
    if (!found.table) throw no_value(found, "search_space");
    LayerScores scores;
    scores.model = context_.space().network().model;
    scores.origin = "EMQ, " + formula_of(proxy_->genotype);
    const double layers = double(searched_.names.size());
    for (std::size_t l = 0; l < searched_.names.size(); ++l) {
      LayerScore layer;
      layer.name = searched_.names[l];
      for (const int width : searched_.widths[l]) {
        const auto place = std::find(space_widths_.begin(), space_widths_.end(), width);
        const auto at = std::size_t(place - space_widths_.begin());
        // More is better of a proxy, less of a score.
        layer.weight[Format::integer(width, true).text()] = -found.table->shares[l][at] / layers;
      }
      scores.layers.push_back(std::move(layer));
    }
    return scores;
  }

  SearchContext& context_;
  const EmqOptions& options_;
  SearchedWeights searched_;
  std::vector<int> space_widths_;
  std::optional<Benchmark> benchmark_;
  std::optional<ProxyFile> proxy_;
  std::optional<NetworkInputs> network_;
  std::optional<Tabulator> tabulator_;  // of the benchmark's layers and widths
  SearchResult result_;
};

}  // namespace

void check_emq(const SearchSetup& setup, const EmqOptions& options) {
  searched_weights(setup.space());
  if (std::filesystem::is_regular_file(options.benchmark)) {
    check_layers(read_benchmark(options.benchmark), setup.space().network(), options.benchmark);
  }
  std::string own = "evolved";
  if (std::filesystem::is_regular_file(options.proxy)) own = read_proxy(options.proxy).name;
  for (const CompareOptions& row : options.compare) {
    if (row.name == own || row.name == kSizeRow || row.name == kBitopsRow) {
      throw ConfigError("search_algorithm.compare: a row is named '" + row.name +
                        "', as one that the tables have anyway; give it another name");
    }
    if (std::filesystem::is_regular_file(row.scores)) read_layer_scores(row.scores);
  }
}

SearchResult search_proxy(SearchContext& context, const EmqOptions& options) {
  return Search(context, options).run();
}

}  // namespace deneb::emq
