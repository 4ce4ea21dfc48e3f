#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <deneb/report/comparison_report.h>

#include "score_agreement.h"
#include "statistics.h"

/// Several tasks side by side, as all comparison reports show them.
namespace deneb::reports {

/// Level of all confidence intervals.
constexpr double kConfidence = 0.95;

struct Budget {
  std::string name;  ///< "W3A3", or the cost for people
  double cost = 0;
};

/// A model that no later step of its task trained on.
struct ComparedModel {
  std::size_t task = 0;  ///< index into Comparison::tasks
  std::string step, origin, encoding;
  std::int64_t id = 0;
  nlohmann::ordered_json policy;
  double measure = 0;                ///< on the test split
  std::optional<double> validation;  ///< the same on validation samples
  double cost = 0;
  /// Index of the smallest budget that it fits; nothing above all of them, and for float32.
  std::optional<std::size_t> budget;
};

/// What a row has at a budget, of one seed.
struct SeedValue {
  std::int64_t seed = 0;
  double measure = 0, cost = 0;
  std::size_t model = 0;  ///< index into the row's models
};

struct RowAtBudget {
  std::vector<SeedValue> seeds;  ///< ascending; empty where the row has no model
  double mean = 0, mean_cost = 0;
  std::optional<double> spread;  ///< sample standard deviation over seeds
  /// From the uniform model of the same seed and budget, and the name of its row. Nothing for
  /// uniform rows, and without a seed in common.
  std::optional<PairedDifference> difference;
  std::string against;
};

/// Work of steps. Samples are missing where a step has recorded none.
struct SearchWork {
  std::optional<double> training_samples, evaluation_samples;
  double seconds = 0, trials = 0;
};

struct ComparedRow {
  enum class Kind { kFloat, kUniform, kSearch, kGiven };
  Kind kind = Kind::kSearch;
  std::string name;                ///< unique: "LIMPQ", "Sensitivity + ExactAssignment"
  std::vector<std::size_t> tasks;  ///< indices, ascending
  std::vector<ComparedModel> models;
  std::vector<RowAtBudget> at;     ///< one per budget
  RowAtBudget whole;               ///< of float32, which has no budget
  std::vector<std::string> steps;  ///< that the policies come from, in the order of the pipeline
  /// Of a search, the mean of its tasks: all that its first policy needed, and what each further
  /// budget took (0 where one run serves several); the latter only if there was one.
  std::optional<SearchWork> first, further;
};

/// The front that a search found, by validation samples.
struct SearchFront {
  std::size_t row = 0, task = 0;
  std::vector<std::pair<double, double>> points;  ///< cost, measure; ascending by cost
};

struct TaskFacts {
  std::string name, status, started;
  std::int64_t seed = 0;
  double seconds = 0;  ///< of all its steps
};

struct LayerSize {
  std::string name;
  double macs = 0, weights = 0;
  bool pinned = false;
};

struct Comparison {
  std::string network, dataset;
  std::string measure = "accuracy", cost;
  bool maximize = true;
  std::vector<TaskFacts> tasks;
  std::vector<LayerSize> layers;  ///< in forward order
  std::vector<Budget> budgets;    ///< ascending
  std::vector<ComparedRow> rows;  ///< float32, uniform, searches, given policies
  std::vector<SearchFront> fronts;
  std::vector<ScoreSource> scores;
  std::vector<std::string> disagreements;  ///< what had to agree and does not
  std::vector<std::string> trainings;      ///< in what trainings differ
  std::vector<std::string> notes;          ///< what was left out, and what has not finished
};

/// Reads the tasks. Those whose pipelines are equal but for `general` (seed, names, limits of the
/// run) are one: each row has one value per seed. Of several models of a row within a budget,
/// validation samples choose; without them, the most costly one counts. Uniform models of tasks
/// that train alike are one row; where several have a seed in common, their mean counts.
Comparison compare(const ComparisonInput& input);

/// "w4a3" for the formats of a layer; "w32a8", "we2m1a4".
std::string widths_text(const nlohmann::ordered_json& policy, const std::string& layer);

}  // namespace deneb::reports
