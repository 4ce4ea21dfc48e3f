#pragma once

#include <deneb/search/search_algorithm.h>

#include <memory>
#include <string>

#include "nsga3.h"
#include "quant_ea_options.h"
#include "trial_problem.h"

namespace deneb::quant_ea {

/// The loop over generations by one of the strategies.
class Generations {
 public:
  virtual ~Generations();
  /// The first policies, tried already; the strategy begins with the best of them. Once.
  virtual void begin(const Points& genomes, const Points& rows) = 0;
  /// Tries num_individual policies, or fewer where some break a limit.
  virtual void next() = 0;
};

/// NSGA-III with the settings of the options; std::invalid_argument when they do not fit.
Nsga3Core nsga3_core(const QuantEaOptions& options, const SearchSpace& space);

/// `origin`: what the trials of the next generation are called. Randomness comes from named
/// branches of the context alone.
std::unique_ptr<Generations> make_generations(const QuantEaOptions& options,
                                              const SearchContext& context,
                                              std::shared_ptr<TrialArchive> archive,
                                              std::shared_ptr<std::string> origin);

}  // namespace deneb::quant_ea
