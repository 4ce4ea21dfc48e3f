#pragma once

#include <deneb/options/options.h>

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
    v("num_generation", num_generation, "generations after the random samples", {0, 1e6});
    v("num_individual", num_individual, "population, and trials per generation", {4, 100000});
    v("random_samples", random_samples, "random genomes tried first", {1, 1e6});
    v("length", length, "genes, as a check: an error if the network has another number; 0 = any",
      {0, 1e6});
  }
};

struct QuantEaOptions {
  std::string codec = "QuantCodec";
  QuantEaPolicy policy;
  std::vector<ObjectiveOptions> objectives = {{"accuracy", "auto"}, {"flops", "auto"}};
  std::string strategy = "nsga3";
  std::string crossover = "uniform";
  std::string mutation = "reset";
  double crossover_probability = 1.0;
  double mutation_probability = 0;
  bool anchors = false;
  int divisions = 0;
  template <class V>
  void visit(V& v) {
    v("codec", codec, "genome: all weight widths, then all activation widths", {"QuantCodec"});
    v("policy", policy, "size of the search");
    v("objectives", objectives, "what to optimise, two or more");
    v("strategy", strategy,
      "nsga3: Deb and Jain 2014; vega_archive: random parents from the Pareto set of all trials",
      {"nsga3", "vega_archive"});
    v("crossover", crossover,
      "nsga3: uniform per layer (weight and activation together), or one segment",
      {"uniform", "two_point"});
    v("mutation", mutation, "nsga3: to any other candidate, or to the next one", {"reset", "step"});
    v("crossover_probability", crossover_probability, "nsga3: share of pairs that cross", {0, 1});
    v("mutation_probability", mutation_probability, "nsga3: per gene; 0 = 1 / genes", {0, 1});
    v("anchors", anchors, "also try the uniform policies first, one for each candidate");
    v("divisions", divisions, "of the reference lattice; 0 = the most that the population fills",
      {0, 1000});
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
  }
};

}  // namespace deneb::quant_ea
