#include "benchmark_record.h"

#include <deneb/random.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace deneb::random_search {
namespace {

using nlohmann::ordered_json;

constexpr double kBitsPerByte = 8;

// Layers whose weights are searched, in forward order.
std::vector<const LayerInfo*> searched_layers(const SearchSpace& space) {
  std::vector<const LayerInfo*> layers;
  for (const LayerGenes& genes : space.layer_genes()) {
    if (genes.weight) layers.push_back(&space.network().layers[genes.layer]);
  }
  return layers;
}

std::vector<int> widths_offered(const SearchSpace& space) {
  std::set<int> widths;
  for (const Gene& gene : space.genes()) {
    if (gene.role != Gene::Role::kWeight) continue;
    for (const Format& format : gene.candidates) widths.insert(format.bits);
  }
  return {widths.begin(), widths.end()};
}

double metric_or_nan(const std::map<std::string, double>& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  return found == metrics.end() ? NAN : found->second;
}

// Each trial's split, by a draw without replacement: policies come from several samplers in turn,
// of which every split has its share.
std::vector<std::string> draw_splits(SearchContext& context, const BenchmarkOptions& options,
                                     std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 rng = context.rng("splits");
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[uniform_index(rng, i)]);
  std::vector<std::string> splits(count, "test");
  const auto evolve = static_cast<std::size_t>(options.evolve);
  const auto chosen = evolve + static_cast<std::size_t>(options.valid);
  for (std::size_t i = 0; i < std::min(chosen, count); ++i) {
    splits[order[i]] = i < evolve ? "evolve" : "valid";
  }
  return splits;
}

// Formats that all policies share: with them and its widths an entry is a whole policy.
ordered_json fixed_formats(const SearchSpace& space, const BitPolicy& policy) {
  std::set<std::string> searched;
  for (const LayerInfo* layer : searched_layers(space)) searched.insert(layer->name);
  auto weights = ordered_json::object(), activations = ordered_json::object();
  for (const auto& [layer, choice] : policy.layers()) {
    if (searched.count(layer) == 0) weights[layer] = choice.weight.text();
    activations[layer] = choice.activation.text();
  }
  return {{"weights", weights}, {"activations", activations}};
}

void describe(SearchContext& context, const BenchmarkOptions& options, Benchmark& benchmark) {
  const ordered_json told = context.provenance();
  const auto type_of = [&](const char* key) {
    return told.value(key, ordered_json::object()).value("type", "");
  };
  benchmark.name = options.name;
  benchmark.license = options.license;
  benchmark.network = type_of("network");
  benchmark.dataset = type_of("dataset");
  benchmark.metric = (options.metric == "accuracy" ? "top1" : options.metric) + "_percent";
  benchmark.evaluated_on = told.value("evaluated_on", "");
  benchmark.num_eval_images = told.value("samples", std::int64_t{0});
  benchmark.weights_sha256 = told.value("weights_sha256", "");
  benchmark.seed = told.value("seed", std::uint64_t{0});
  benchmark.fp32_accuracy = 100 * metric_or_nan(context.float_metrics(), options.metric);
  benchmark.ptq = ordered_json::object();
  for (const char* key : {"network", "dataset", "quantizer", "calibration_samples", "trainer"}) {
    if (told.contains(key)) benchmark.ptq[key] = told[key];
  }
}

}  // namespace

void check_benchmark_space(const BenchmarkOptions& options, const SearchSetup& setup) {
  const Objective metric =
      find_measure(setup.measures(), options.metric, "search_algorithm.benchmark.metric");
  if (metric.direction != Direction::kMaximize) {
    throw ConfigError("search_algorithm.benchmark.metric: " + options.metric +
                      " is better where it is smaller; name an accuracy");
  }
  for (const Gene& gene : setup.space().genes()) {
    if (gene.role != Gene::Role::kWeight && gene.candidates.size() > 1) {
      throw ConfigError(
          "search_space.activation_candidates: the policies of a benchmark differ in weights only; "
          "give one format, [\"int8\"]");
    }
    for (const Format& format : gene.candidates) {
      if (gene.role != Gene::Role::kWeight || format.is_integer()) continue;
      throw ConfigError(
          "search_space.weight_candidates: a benchmark has integer widths only, not " +
          format.text());
    }
  }
  if (searched_layers(setup.space()).empty()) {
    throw ConfigError("search_space: no weights are searched, a benchmark has nothing to list");
  }
}

Benchmark record_benchmark(SearchContext& context, const BenchmarkOptions& options,
                           const std::string& sampler, const std::vector<BitPolicy>& policies,
                           const std::vector<TrialResult>& trials) {
  Benchmark benchmark;
  describe(context, options, benchmark);
  const SearchSpace& space = context.space();
  benchmark.sampler = sampler;
  benchmark.candidate_bits = widths_offered(space);
  benchmark.ptq["fixed"] = fixed_formats(space, policies.front());
  for (const LayerInfo* layer : searched_layers(space)) {
    benchmark.layers.push_back({layer->name, layer->weights, layer->macs});
  }
  const std::vector<std::string> splits = draw_splits(context, options, policies.size());
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (!trials[i].ok) continue;
    BenchmarkEntry entry;
    entry.id = static_cast<std::int64_t>(benchmark.entries.size());
    for (const BenchmarkLayer& layer : benchmark.layers) {
      entry.bits.push_back(policies[i].find(layer.name)->weight.bits);
    }
    entry.accuracy = 100 * metric_or_nan(trials[i].metrics, options.metric);
    entry.size_bytes = metric_or_nan(trials[i].metrics, "size") / kBitsPerByte;
    entry.bitops = metric_or_nan(trials[i].metrics, "bitops");
    entry.split = splits[i];
    benchmark.entries.push_back(std::move(entry));
  }
  return benchmark;
}

std::vector<Figure> benchmark_figures(const Benchmark& benchmark) {
  Figure figure;
  figure.name = "accuracies";
  figure.title = "Distribution of the accuracies";
  figure.text =
      "How many policies of the benchmark reach at most an accuracy, in percent of those of their "
      "split. Where a line is steep, many are alike, and hard to rank.";
  figure.x_label = "accuracy (%)";
  figure.y_label = "policies (%)";
  for (const std::string& split : benchmark_splits()) {
    std::vector<double> accuracies;
    for (const std::int64_t id : benchmark.ids(split)) {
      accuracies.push_back(benchmark.at(id).accuracy);
    }
    if (accuracies.empty()) continue;
    std::sort(accuracies.begin(), accuracies.end());
    FigureSeries series{split + " (" + std::to_string(accuracies.size()) + ")", {}};
    for (std::size_t i = 0; i < accuracies.size(); ++i) {
      series.points.emplace_back(accuracies[i], 100.0 * double(i + 1) / double(accuracies.size()));
    }
    figure.series.push_back(std::move(series));
  }
  return {figure};
}

std::vector<HeatMap> benchmark_maps(const Benchmark& benchmark) {
  HeatMap map;
  map.name = "width_and_accuracy";
  map.title = "Mean accuracy by the width of a layer";
  map.text =
      "Over all policies of the benchmark that give the layer this width, in percent. A layer "
      "whose "
      "column changes much from width to width is sensitive.";
  map.x_label = "layer";
  map.y_label = "width";
  map.value_label = "mean accuracy (%)";
  map.lower_is_better = false;
  for (const BenchmarkLayer& layer : benchmark.layers) map.x_names.push_back(layer.name);
  for (const int width : benchmark.candidate_bits) {
    map.y_names.push_back(std::to_string(width) + " bits");
    map.values.emplace_back();
    for (std::size_t layer = 0; layer < benchmark.layers.size(); ++layer) {
      double sum = 0, count = 0;
      for (const BenchmarkEntry& entry : benchmark.entries) {
        if (entry.bits[layer] != width) continue;
        sum += entry.accuracy;
        ++count;
      }
      map.values.back().push_back(count > 0 ? sum / count : NAN);
    }
  }
  return {map};
}

}  // namespace deneb::random_search
