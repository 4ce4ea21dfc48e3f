#pragma once

#include <optional>
#include <vector>

#include <deneb/search/search_algorithm.h>

namespace deneb {

/// A search that only proposes policies and learns from results: implement ask() and tell(), the
/// loop is here. Ends when ask() returns nothing.
class DENEB_API AskTellSearch : public SearchAlgorithm {
 public:
  ~AskTellSearch() override;
  /// Checks the names of the objectives; a search that overrides it calls it too.
  void validate(const SearchSetup& setup) const override;
  SearchResult run(SearchContext& context) final;

 protected:
  /// Once, before the first ask(); keep no reference to the context.
  virtual void start(SearchContext& context) = 0;
  virtual std::vector<TrialRequest> ask() = 0;
  virtual void tell(const std::vector<TrialRequest>& requests,
                    const std::vector<TrialResult>& results) = 0;
  /// Objectives of the result; the Pareto set over all successful trials is put forward.
  virtual std::vector<Objective> objectives() const = 0;
};

/// Pareto set of successful trials as candidates, best in the first objective first; of trials with
/// equal objectives the earliest stays. `trials[i]` belongs to `policies[i]`. RunError when a
/// metric that an objective names is missing from a successful trial.
DENEB_API std::vector<Candidate> pareto_candidates(const std::vector<BitPolicy>& policies,
                                                   const std::vector<TrialResult>& trials,
                                                   const std::vector<Objective>& objectives);

}  // namespace deneb
