#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <deneb/options/options.h>

#include "evolution_options.h"
#include "network_inputs.h"

namespace deneb::emq {

/// Layer scores of another method, judged beside the proxy.
struct CompareOptions {
  std::string name, scores;
  template <class V>
  void visit(V& v) {
    v("name", name, "its name in tables");
    v.file("scores", scores, "layer_scores", "layer scores of the benchmark's layers and widths");
  }
  void check(OptionErrors& errors) const {
    if (name.empty()) errors.add("name", "is empty; it names a row of the tables");
    if (scores.empty()) errors.add("scores", "is missing; give a file or step:layer_scores");
  }
};

struct FitnessOptions {
  std::string measure = "spearman_topk";
  std::string topk_by = "predicted";
  int policies = 50;
  template <class V>
  void visit(V& v) {
    v("measure", measure,
      "what is evolved for, over policies of the split evolve: spearman_topk = mean of Spearman's "
      "rho of the best 20, 50 and 100 percent; or one correlation over all",
      {"spearman_topk", "spearman", "kendall", "pearson"});
    v("topk_by", topk_by, "the best by the proxy's scores, or by accuracy", {"predicted", "truth"});
    v("policies", policies, "so many policies of the split, drawn once; 0 = all", {0, 1e9});
  }
};

struct EmqOptions {
  std::string benchmark, proxy;
  std::string structure = "tree", semantics = "clean";
  std::vector<std::string> inputs = paper_inputs();
  std::vector<std::string> unary, binary;
  int samples = 64;
  FitnessOptions fitness;
  EvolutionOptions evolution;
  std::string choose_by = "evolve";
  std::vector<CompareOptions> compare;
  int regret_sizes = 5;
  int bootstrap = 1000;
  int hessian_draws = 100;
  double hessian_tolerance = 1e-3;

  EmqOptions() {
    for (const UnaryOperator& op : unary_operators()) {
      if (op.share > 0) unary.push_back(op.name);
    }
    for (const BinaryOperator& op : binary_operators()) {
      if (op.share > 0) binary.push_back(op.name);
    }
  }

  template <class V>
  void visit(V& v) {
    v.file("benchmark", benchmark, "benchmark",
           "policies with their accuracies, of the network of the step");
    v.file(
        "proxy", proxy, "proxy",
        "a proxy that was evolved before: nothing is evolved, it is applied to this network, and "
        "judged if there is a benchmark");
    v("structure", structure,
      "linear: four operators in a row; tree: two chains of two and an operator of both; graph: "
      "three nodes that add up what operators make of all before",
      {"linear", "tree", "graph"});
    v("semantics", semantics,
      "clean: protected operators, statistics by layer names; compat: as the authors' code "
      "computes",
      {"clean", "compat"});
    v("inputs", inputs, "statistics of layers that proxies read", input_names());
    v("unary", unary, "operators of one tensor", names_of(unary_operators()));
    v("binary", binary, "operators of two numbers, for trees", names_of(binary_operators()));
    v("samples", samples, "training samples of the one batch that statistics are of", {2, 1e6});
    v("fitness", fitness, "what is evolved for");
    v("evolution", evolution, "how it is evolved");
    v("choose_by", choose_by,
      "the split by which the proxy is chosen from the last population; evolve: the paper's way",
      {"evolve", "valid"});
    v("compare", compare, "layer scores of other methods, judged beside the proxy");
    v("regret_sizes", regret_sizes,
      "limits of the size at which the chosen policy is held against the best one", {0, 100});
    v("bootstrap", bootstrap, "repetitions for the intervals of correlations; 0 = none", {0, 1e6});
    v("hessian_draws", hessian_draws,
      "inputs of the Hessian: most products with a vector per layer", {1, 1e6});
    v("hessian_tolerance", hessian_tolerance,
      "they end when the estimate changes by less than this share; 0 = never", {0, 1});
  }
  void check(OptionErrors& errors) const {
    if (benchmark.empty() && proxy.empty()) {
      errors.add("benchmark",
                 "is missing: proxies are evolved by one; give a file or step:benchmark, or a "
                 "proxy that was evolved before");
    }
    for (const auto& [key, list] :
         {std::make_pair("inputs", &inputs), {"unary", &unary}, {"binary", &binary}}) {
      if (list->empty()) errors.add(key, "is empty; leave it out for the paper's");
      if (std::set<std::string>(list->begin(), list->end()).size() != list->size()) {
        errors.add(key, "names one of them twice");
      }
    }
    std::set<std::string> rows;
    for (const CompareOptions& row : compare) {
      if (!row.name.empty() && !rows.insert(row.name).second) {
        errors.add("compare", "has two rows named '" + row.name + "'");
      }
    }
    if (!compare.empty() && benchmark.empty()) {
      errors.add("compare", "has no effect without a benchmark; remove it, or give one");
    }
  }

 private:
  template <class Operator>
  static std::vector<std::string> names_of(const std::vector<Operator>& all) {
    std::vector<std::string> names;
    for (const Operator& op : all) names.push_back(op.name);
    return names;
  }
};

}  // namespace deneb::emq
