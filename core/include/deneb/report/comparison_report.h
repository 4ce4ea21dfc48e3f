#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/store/trial_store.h>

namespace deneb {

/// One of several tasks that stand side by side.
struct ComparedTask {
  std::string name;    ///< unique among them: as a rule that of its folder
  std::string folder;  ///< holds output/<step>/...
  std::shared_ptr<const TrialStore> store;
  nlohmann::ordered_json config;  ///< the resolved pipeline
  /// Tasks of one label are one pipeline with other seeds, and go by it; "" = tasks are so if their
  /// pipelines are equal.
  std::string label = {};
};

struct ComparisonInput {
  std::vector<ComparedTask> tasks;
  std::string cost;             ///< what budgets are counted in
  std::vector<double> budgets;  ///< in that cost; empty = those of the uniform models
  /// Of disagreements(), if the user wants the tasks compared all the same: for the reader.
  std::vector<std::string> disagreements;
};

/// Writes files about several tasks. Must be repeatable and write atomically.
class DENEB_API ComparisonReport {
 public:
  static constexpr const char* kKind = "comparison_report";
  virtual ~ComparisonReport();
  /// Files are called `stem` and an ending: "results/cifar10" makes results/cifar10.csv, say. Paths
  /// of the files, the main one first.
  virtual std::vector<std::string> write(const ComparisonInput& input,
                                         const std::string& stem) const = 0;
};

/// What tasks must share so that their numbers can stand in one table, and do not: options of the
/// network and of the dataset, its layers, the split into training and validation samples (of
/// searches and of trainings, each among themselves), the measure, and what float32 costs. One line
/// each: "network.depth: 20 in a, b; 32 in c". Files count by their names, wherever they lie; what
/// only some say (another version) is no disagreement.
DENEB_API std::vector<std::string> disagreements(const std::vector<ComparedTask>& tasks,
                                                 const std::string& cost);

/// In what the trainings differ that made the last models of each task: start weights, trainer,
/// loss, quantizers, batches. Lines as those of disagreements(). No reason to refuse tasks: a
/// search may bring its own, but who reads the numbers has to know.
DENEB_API std::vector<std::string> training_differences(const std::vector<ComparedTask>& tasks);

/// The first cost that tables of models show, of the first task that has some; "" if none has.
DENEB_API std::string table_cost(const std::vector<ComparedTask>& tasks);

}  // namespace deneb
