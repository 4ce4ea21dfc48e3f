#pragma once

#include <set>
#include <string>
#include <vector>

#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/search/cost_limit.h>

namespace deneb::emq {

/// What a policy has to keep: all of it at once.
struct BitSearchLimits {
  std::string name;
  std::vector<CostLimit> costs;
  template <class V>
  void visit(V& v) {
    v("name", name, "name of the policy file: mb4.5");
    v("costs", costs, "bounds on cost models, each for the whole network");
  }
  void check(OptionErrors& errors) const {
    if (!is_plain_file_name(name)) {
      errors.add("name", "is '" + name +
                             "', which cannot be the name of a file; use letters, digits, _, - "
                             "and .");
    }
    if (costs.empty()) {
      errors.add("costs", "is empty, so the widest policy would win; give a bound, such as size");
    }
  }
};

struct BitSearchOptions {
  std::string scores;
  std::string strategy = "mutate_root";
  int samples = 50000;
  double fill = 0;
  std::string root;
  int mutations = 3;
  std::vector<double> probabilities;
  int population = 50;
  double crossover = 0.5;
  std::string rounding = "depth_first";
  bool suffix_means = true;
  std::vector<BitSearchLimits> constraints;
  template <class V>
  void visit(V& v) {
    v.file("scores", scores, "layer_scores",
           "layer scores to choose formats by; empty = those of the nearest earlier step");
    v("strategy", strategy,
      "mutate_root: the best of many mutations of one policy, as EMQ's code; evolution: mutations "
      "and crossovers of the best so far; random: the best of many random policies; "
      "linear_program: relaxed and rounded, as OMPQ's code",
      {"mutate_root", "evolution", "random", "linear_program"});
    v("samples", samples, "policies to draw for each set of limits, repetitions included",
      {1, 1e8});
    v("fill", fill, "least share of the first limit of its set that a policy uses", {0, 1});
    v.file("root", root, "",
           "mutate_root: policy file; empty = the widest uniform policy within the limits");
    v("mutations", mutations, "most decisions that a mutation draws anew", {1, 10000});
    v("probabilities", probabilities,
      "of the candidates of a decision when it is drawn, narrowest first, in any unit; empty = all "
      "the same",
      {0, 1e6});
    v("population", population, "evolution: policies that live at a time", {2, 1e6});
    v("crossover", crossover, "evolution: probability of a second parent", {0, 1});
    v("rounding", rounding,
      "linear_program: depth_first comes as near to the relaxed cost as can be from below; nearest "
      "rounds every width and may break the limit",
      {"depth_first", "nearest"});
    v("suffix_means", suffix_means,
      "linear_program: a bit of a layer is worth the mean over it and all layers behind it, as "
      "OMPQ's code has it; else its own worth");
    v("constraints", constraints, "sets of limits, one policy each from the same scores");
  }
  void check(OptionErrors& errors) const {
    if (constraints.empty()) {
      errors.add("constraints", "is empty; give one set of limits or more");
    }
    std::set<std::string> names;
    for (const BitSearchLimits& set : constraints) {
      if (!names.insert(set.name).second) {
        errors.add("constraints", "has two sets named '" + set.name + "'; every name is a file");
      }
    }
    if (strategy == "linear_program") {
      for (const BitSearchLimits& set : constraints) {
        if (set.costs.size() > 1) {
          errors.add("constraints",
                     "has a set of several limits, '" + set.name + "'; a linear_program takes one");
        }
      }
    }
    if (!root.empty() && strategy != "mutate_root") {
      errors.add("root", "has no effect on the strategy " + strategy + "; remove it");
    }
  }
};

}  // namespace deneb::emq
