#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <deneb/report/report.h>
#include <deneb/search/figure.h>
#include <deneb/search/pareto.h>

#include "rank_correlations.h"

namespace deneb::reports {

/// A layer of the step's network as the page shows it.
struct LayerFacts {
  std::string name, op;
  double macs = 0, weights = 0;
  bool pinned = false;
};

/// Formats of one layer under a policy. `bits` is 0 for a word that is no format.
struct LayerBits {
  std::string weight = "float32", activation = "float32";
  int weight_bits = 32, activation_bits = 32;
};

/// Costs of a policy that need not be trained, from the cost models, to compare with.
struct ReferenceCosts {
  std::string name;  ///< "float32", "uniform w8a8"
  std::map<std::string, double> costs;
};

/// Can be moved, not copied: `front` points into `trials`.
struct StepData {
  StepData() = default;
  StepData(StepData&&) = default;
  StepData& operator=(StepData&&) = default;

  StepRow row;
  bool search = false;
  bool benchmark = false;                   ///< trials were measured on the test split
  std::string algorithm, network, dataset;  ///< "" where unknown
  /// By id. Only members of the front and rows of the table have their policies.
  std::vector<ResultRow> trials;
  std::vector<std::size_t> shown;     ///< indices of the trials in the table, ascending
  std::vector<Objective> objectives;  ///< of the step, else accuracy and another; may be empty
  /// No finished trial beats a marked one in every objective. A search may as well mark what it was
  /// asked for, a policy per limit say.
  bool pareto = false;
  std::vector<Figure> figures;  ///< of the step's own; those that cannot be read are left out
  std::vector<HeatMap> heat_maps;
  RankCorrelations ranks;
  std::vector<LayerFacts> layers;       ///< in forward order; those of the policies where unknown
  std::vector<const ResultRow*> front;  ///< marked trials by the first objective that is minimized
  std::vector<ReferenceCosts> references;
  /// Float and uniform models of other steps, to compare the models of this one with.
  std::vector<ResultRow> baselines;
  std::map<std::int64_t, std::vector<EpochRow>> epochs;  ///< of a step that trains, by trial

  std::size_t count(const std::string& status) const;
  /// Formats of the layers in the order of `layers`; a layer that is not listed is float32.
  std::vector<LayerBits> bits(const ResultRow& trial) const;
  /// A finished float32 model, of this step or of another one; nullptr if none was trained.
  const ResultRow* float_model() const;
  /// A cost in float32: of the float model, else of the references; negative if unknown.
  double float_cost(const std::string& cost) const;
  /// Metrics whose float32 value is known: objectives first, then in the order of words().
  std::vector<std::string> costs() const;
};

/// All that the page needs, read from the store once.
struct TaskData {
  std::string task;                               ///< name of the task's folder
  std::string network, dataset, algorithm, seed;  ///< "" where unknown; several algorithms: "A, B"
  std::string status;                             ///< of the task as a whole
  std::string started, finished;                  ///< UTC; "" = not yet
  std::vector<StepData> steps;

  /// The steps in the order of interest: models that came out of a search, the searches, and what
  /// was trained before them.
  std::vector<const StepData*> by_interest() const;
};

/// Fills `data` from the store and the configuration; tolerates steps that have told nothing yet.
/// `max_rows`: of the table of a step; 0 = all.
void read_task(const ReportInput& input, std::size_t max_rows, TaskData& data);

/// What a trial is and came to, in lines: for tooltips.
std::string trial_text(const StepData& step, const ResultRow& trial);

/// Failed trials that a table that is cut still shows, if there are so many.
constexpr std::size_t kFailedShown = 20;

}  // namespace deneb::reports
