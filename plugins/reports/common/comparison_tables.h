#pragma once

#include <optional>
#include <string>
#include <vector>

#include "comparison.h"

/// The tables of a comparison as plain data: the page, the CSV files and the Markdown file show the
/// same ones.
namespace deneb::reports {

struct ComparisonCell {
  std::string text;             ///< for people; "" = nothing
  std::optional<double> value;  ///< of a number, exactly
};

struct ComparisonColumn {
  std::string key;    ///< head in CSV files: "difference_low"
  std::string title;  ///< head for people
  bool number = false;
  std::string about = {};  ///< one sentence; may be empty
};

struct ComparisonTable {
  std::string name;   ///< end of the CSV file's name, and id on the page: "cost"
  std::string title;  ///< "What the searches cost"
  std::string text;   ///< how to read it; plain text
  std::vector<ComparisonColumn> columns;
  std::vector<std::vector<ComparisonCell>> rows;
};

/// Every row at every budget: mean, spread, seeds, difference to uniform with its interval.
ComparisonTable accuracy_table(const Comparison& comparison);
/// What each search cost before its first policy and for each further budget.
ComparisonTable cost_table(const Comparison& comparison);
/// Rank correlations between scores of layers, for all tensors, weights and activations.
ComparisonTable score_table(const Comparison& comparison);
/// The formats of every layer in the model that counts, by budget, row and seed.
ComparisonTable width_table(const Comparison& comparison);
/// All models that are compared.
ComparisonTable model_table(const Comparison& comparison);
ComparisonTable task_table(const Comparison& comparison);

/// All of them, in this order; those without rows are left out.
std::vector<ComparisonTable> comparison_tables(const Comparison& comparison);

/// "90.25": accuracies in percent, whose sign stands in the heads.
std::string measure_text(const Comparison& comparison, double value);

}  // namespace deneb::reports
