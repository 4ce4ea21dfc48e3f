#pragma once

#include <deneb/options/options.h>
#include <deneb/search/search_algorithm.h>

#include <string>
#include <vector>

namespace deneb::searches {

/// An entry of the option `objectives` of searches by trials.
struct ObjectiveOptions {
  std::string name;
  std::string direction = "auto";
  template <class V>
  void visit(V& v) {
    v("name", name,
      "metric of the evaluator (accuracy) or cost model (bitops, size, flops, params)");
    v("direction", direction, "which way is better; auto = as the metric says, costs are minimised",
      {"auto", "max", "min"});
  }
};

/// Every objective has a name, and none is there twice.
void check_objectives(const std::vector<ObjectiveOptions>& objectives, OptionErrors& errors);

/// The measures of these names, in the directions asked for; ConfigError for an unknown name.
std::vector<Objective> find_objectives(const std::vector<ObjectiveOptions>& options,
                                       const std::vector<Objective>& measures);

}  // namespace deneb::searches
