#pragma once

#include <cstdint>
#include <string>

#include <deneb/options/options.h>

namespace deneb::emq {

/// How proxies are evolved.
struct EvolutionOptions {
  std::int64_t iterations = 1000;
  int population = 50;
  double parent_fraction = 0.5, crossover = 0.5, mutation = 0.5;
  bool diversity_prompting = true;
  bool operator_priors = true;
  bool distinct = true;
  double checkpoint_seconds = 10;
  template <class V>
  void visit(V& v) {
    v("iterations", iterations, "generations; each judges an offspring and a newcomer", {0, 1e9});
    v("population", population, "proxies that are kept", {2, 1e5});
    v("parent_fraction", parent_fraction, "parents are drawn from this best share", {0, 1});
    v("crossover", crossover,
      "probability that an offspring has two parents; else it is a copy of the first", {0, 1});
    v("mutation", mutation, "probability that it is mutated then", {0, 1});
    v("diversity_prompting", diversity_prompting,
      "every generation also draws a new proxy at random, and the fitter of both joins");
    v("operator_priors", operator_priors,
      "draw operators by the paper's shares (no_op twice as often, sums most often), not all "
      "alike");
    v("distinct", distinct, "no two proxies of the population rank the policies alike");
    v("checkpoint_seconds", checkpoint_seconds, "time between two checkpoints", {0, 1e6});
  }
};

}  // namespace deneb::emq
