#pragma once

#include <deneb/search/figure.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "trial_problem.h"

namespace deneb::quant_ea {

/// The front after a generation.
struct FrontRecord {
  int generation = 0;
  std::size_t policies = 0;  ///< evaluated so far
  std::size_t members = 0;   ///< of the front
  double hypervolume = 0;    ///< share of the box that the first policies span
};

/// The hypervolume by generations, and, for two objectives, the front, the one after the first
/// policies (indices into the archive) and the knee.
std::vector<Figure> search_figures(const TrialArchive& archive,
                                   const std::vector<FrontRecord>& history,
                                   const std::vector<std::size_t>& first_front,
                                   const std::map<std::string, double>& knee);

}  // namespace deneb::quant_ea
