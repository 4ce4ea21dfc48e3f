#pragma once

#include <deneb/options/options.h>

#include <string>
#include <vector>

#include "objectives.h"

namespace deneb::random_search {

/// All trials as the artifact `benchmark`, in place of the best policies.
struct BenchmarkOptions {
  std::string name;
  std::string license;
  int evolve = 50;
  int valid = 100;
  std::string metric = "accuracy";
  template <class V>
  void visit(V& v) {
    v("name", name,
      "name of the benchmark; empty = none. With a name the step leaves the record of its trials "
      "as "
      "a benchmark, and no policies");
    v("license", license, "its license, for readers");
    v("evolve", evolve, "policies by which proxies are found", {0, 1e6});
    v("valid", valid, "policies by which proxies are chosen; all others judge (test)", {0, 1e6});
    v("metric", metric, "the evaluator's metric that is the accuracy, 0 to 1");
  }
};

struct RandomSearchOptions {
  int samples = 100;
  std::string sampler = "uniform";
  double fill = 0;
  std::vector<searches::ObjectiveOptions> objectives;
  BenchmarkOptions benchmark;
  int batch = 32;
  int max_attempts = 1000;
  bool leaves_benchmark() const { return !benchmark.name.empty(); }
  template <class V>
  void visit(V& v) {
    v("samples", samples, "policies to try, all of them different", {1, 1e6});
    v("sampler", sampler,
      "uniform: every width as likely as any other, as far as limits let it. "
      "half_uniform_half_size_stratified: half of the policies are drawn so, the others in equal "
      "numbers from ten bins of the size, from the narrowest to the widest policy",
      {"uniform", "half_uniform_half_size_stratified"});
    v("fill", fill,
      "least share that a policy uses of every limit of the step: 0.96 gives policies of nearly "
      "equal cost",
      {0, 1});
    v("objectives", objectives,
      "what the result is the Pareto set of; empty = the evaluator's first metric, and the cost of "
      "the first limit (bitops without limits). Of a benchmark: what the report draws; empty = "
      "accuracy, size, bitops");
    v("benchmark", benchmark, "leave a benchmark instead of policies");
    v("batch", batch, "policies handed to the workers at once; changes no result", {1, 1e6});
    v("max_attempts", max_attempts,
      "random starts for one policy that is new and within the budget; then the search goes on "
      "with what it has",
      {1, 1e9});
  }
  void check(OptionErrors& errors) const {
    searches::check_objectives(objectives, errors);
    if (fill > 0 && sampler != "uniform") {
      errors.add("fill", "has no effect with sampler " + sampler + "; set it to 0");
    }
    if (leaves_benchmark() && benchmark.evolve + benchmark.valid >= samples) {
      errors.add("benchmark", "evolve and valid take " +
                                  std::to_string(benchmark.evolve + benchmark.valid) + " of " +
                                  std::to_string(samples) +
                                  " samples and leave none to judge by; lower them");
    }
  }
};

}  // namespace deneb::random_search
