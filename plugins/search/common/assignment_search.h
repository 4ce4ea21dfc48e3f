#pragma once

#include <string>

#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "assignment_options.h"

/// Layer scores to policies, as a search does it: one policy for every set of limits.
namespace deneb::searches {

/// A file of layer scores and what it holds.
struct ScoresFile {
  std::string path;
  LayerScores scores;
};
/// The file that an option names, or if it is empty that of the nearest earlier step; logged.
/// Errors: those of SearchContext::input() and read_layer_scores().
ScoresFile scores_in(SearchContext& context, const std::string& option);

/// Everything but the solving: what is wrong with scores or limits shows before the run. `source`
/// names the scores in messages. Errors: those of AssignmentSolver.
void check_assignment(const SearchSetup& setup, const LayerScores& scores,
                      const AssignmentOptions& options, const std::string& source);

/// The same before the scores are there.
void check_assignment(const SearchSetup& setup, const AssignmentOptions& options);

/// Solves all sets, the sweep's after the others. Leaves solutions.json in the step's folder. Sets
/// that cannot be kept make SearchResult::failure, unless allowed or of the sweep.
SearchResult assign(SearchContext& context, const LayerScores& scores,
                    const AssignmentOptions& options, const std::string& source);

}  // namespace deneb::searches
