#pragma once

#include <deneb/options/options.h>
#include <deneb/search/cost_limit.h>

#include <algorithm>
#include <string>
#include <vector>

#include "objectives.h"

namespace deneb::quant_ea {

using searches::ObjectiveOptions;

struct QuantEaPolicy {
  int num_generation = 50;
  int num_individual = 16;
  int random_samples = 32;
  int length = 0;
  template <class V>
  void visit(V& v) {
    v("num_generation", num_generation, "generations after the first policies", {0, 1e6});
    v("num_individual", num_individual, "population, and trials per generation", {4, 100000});
    v("random_samples", random_samples,
      "policies tried first: those of warm_start and the anchors, filled up with random ones",
      {1, 1e6});
    v("length", length, "genes, as a check: an error if the network has another number; 0 = any",
      {0, 1e6});
  }
};

/// When a search that gains nothing any more ends.
struct StagnationOptions {
  int generations = 0;
  double gain = 0.001;
  template <class V>
  void visit(V& v) {
    v("generations", generations,
      "end when the front's hypervolume rose too little in so many generations; 0 = never",
      {0, 1e6});
    v("gain", gain, "share of the hypervolume that counts as a rise", {0, 1});
  }
};

/// A cost to put a policy forward for.
struct NamedLimit : CostLimit {
  std::string name;
  template <class V>
  void visit(V& v) {
    v("name", name, "of the policy; empty = the cost and its value");
    CostLimit::visit(v);
  }
};

struct QuantEaOptions {
  std::string codec = "QuantCodec";
  QuantEaPolicy policy;
  std::vector<ObjectiveOptions> objectives = {{"accuracy", "auto"}, {"flops", "auto"}};
  std::string warm_start;
  std::string strategy = "nsga3";
  std::string samples = "spread";
  bool anchors = true;
  std::string parents = "archive";
  std::string crossover = "uniform";
  std::string mutation = "layer_step";
  double crossover_probability = 1.0;
  double mutation_probability = 0;
  int divisions = 0;
  StagnationOptions stagnation;
  std::vector<NamedLimit> targets;
  double fill = 0;
  int finalists = 1;
  template <class V>
  void visit(V& v) {
    v("codec", codec, "genome: all weight widths, then all activation widths", {"QuantCodec"});
    v("policy", policy, "size of the search");
    v("objectives", objectives, "what to optimise, two or more");
    v.file("warm_start", warm_start, "policies",
           "policies to begin with: a policy file, a folder of them, or step:policies, what an "
           "earlier step found");
    v("strategy", strategy,
      "nsga3: Deb and Jain 2014; nsga2, moead, nspso, maco: pagmo's algorithms of these names; "
      "vega_archive: Vega's code, random parents from the Pareto set of all trials",
      {"nsga3", "nsga2", "moead", "nspso", "maco", "vega_archive"});
    v("samples", samples,
      "random policies: of all costs alike, from the cheapest to the dearest; or every width "
      "equally likely, so that nearly all have the mean cost",
      {"spread", "uniform"});
    v("anchors", anchors,
      "try the uniform policies first: one for each candidate, and those that targets are given "
      "by");
    v("parents", parents,
      "nsga3: from the population and the Pareto set of all trials, or from the population alone "
      "as in the paper",
      {"archive", "population"});
    v("crossover", crossover,
      "nsga3: uniform per layer (weight and activation together), or one segment",
      {"uniform", "two_point"});
    v("mutation", mutation,
      "nsga3: to the next candidate, half of the layers with weight and activation together; to "
      "the next one; or to any other",
      {"layer_step", "step", "reset"});
    v("crossover_probability", crossover_probability,
      "nsga3, nsga2 (0.95 at most): share of pairs that cross", {0, 1});
    v("mutation_probability", mutation_probability,
      "nsga3, nsga2: per gene; 0 = one gene of every other offspring", {0, 1});
    v("divisions", divisions,
      "nsga3: of the reference lattice, with an inner one from 8 objectives on; 0 = what the "
      "population fills",
      {0, 1000});
    v("stagnation", stagnation, "early end");
    v("targets", targets,
      "costs: the policy that is best in the first objective within each of them is put forward; "
      "none = the whole Pareto front");
    v("fill", fill,
      "nsga3: share of a target that policies use at least, so that the search keeps "
      "to the targets; those of warm_start and the anchors are tried all the same. 0 = all costs",
      {0, 1});
    v("finalists", finalists,
      "how many policies are put forward for each of the targets, the best first: with more than "
      "one, a further QuantEA step with longer trials can choose (warm_start: this step's "
      "policies)",
      {1, 10000});
  }
  void check(OptionErrors& errors) const {
    if (objectives.size() < 2) errors.add("objectives", "needs two or more objectives");
    searches::check_objectives(objectives, errors);
    if (policy.random_samples < policy.num_individual) {
      errors.add("policy.random_samples",
                 "is " + std::to_string(policy.random_samples) +
                     ", but the first population is chosen from them; use num_individual (" +
                     std::to_string(policy.num_individual) + ") or more");
    }
    if (fill > 0 && targets.empty()) {
      errors.add("fill", "is " + std::to_string(fill) +
                             ", but there are no targets to fill; add targets, or set it to 0");
    }
    if (finalists > 1 && targets.empty()) {
      errors.add("finalists", "is " + std::to_string(finalists) +
                                  ", but there are no targets to put policies forward for; add "
                                  "targets, or set it to 1");
    }
    if (fill > 0 && strategy != "nsga3") {
      errors.add("fill", "has no effect on strategy \"" + strategy +
                             "\", whose offspring cost what they will; use nsga3, or set it to 0");
    }
    if (strategy == "nsga2" && (policy.num_individual % 4 != 0 || policy.num_individual < 8)) {
      errors.add("policy.num_individual",
                 "is " + std::to_string(policy.num_individual) +
                     ", but pagmo's nsga2 needs a multiple of 4, 8 or more; use " +
                     std::to_string(std::max(8, (policy.num_individual + 3) / 4 * 4)));
    }
  }
};

}  // namespace deneb::quant_ea
