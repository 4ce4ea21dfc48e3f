#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <deneb/report/report.h>
#include <deneb/search/figure.h>
#include <deneb/search/pareto.h>

#include "../common/rank_correlations.h"

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

struct StepData {
  StepRow row;
  bool search = false;
  std::vector<TrialRow> trials;
  std::vector<Objective> objectives;  ///< of the step, else accuracy and a cost; may be empty
  std::vector<Figure> figures;        ///< of the step's own; those that cannot be read are left out
  RankCorrelations ranks;
  std::vector<LayerFacts> layers;      ///< in forward order; those of the policies where unknown
  std::vector<const TrialRow*> front;  ///< marked trials by the first objective that is minimized
  /// Float and uniform models of other steps, to compare the models of this one with.
  std::vector<TrialRow> baselines;
  std::map<std::int64_t, std::vector<EpochRow>> epochs;  ///< of a step that trains, by trial

  std::size_t count(const std::string& status) const;
  /// Formats of the layers in the order of `layers`; a layer that is not listed is float32.
  std::vector<LayerBits> bits(const TrialRow& trial) const;
};

/// All that the page needs, read from the store once. Not movable: `front` points into `trials`.
struct TaskData {
  TaskData() = default;
  TaskData(const TaskData&) = delete;
  TaskData& operator=(const TaskData&) = delete;

  std::string task;                               ///< name of the task's folder
  std::string network, dataset, algorithm, seed;  ///< "" where unknown
  std::string status;                             ///< of the task as a whole
  std::string started, finished;                  ///< UTC; "" = not yet
  std::vector<StepData> steps;

  /// The steps in the order of interest: models that came out of a search, the searches, and what
  /// was trained before them.
  std::vector<const StepData*> by_interest() const;
};

/// Fills `data` from the store and the configuration; tolerates steps that have told nothing yet.
void read_task(const ReportInput& input, TaskData& data);

/// Costs from layer facts: sum of MACs * w * a, and sum of weights * w.
double bitops_of(const std::vector<LayerFacts>& layers, const std::vector<LayerBits>& bits);
double size_of(const std::vector<LayerFacts>& layers, const std::vector<LayerBits>& bits);

}  // namespace deneb::reports
