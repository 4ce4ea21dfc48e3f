#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/plugin/plugin.h>
#include <deneb/report/comparison_report.h>
#include <deneb/report/report.h>

#include "comparison_files.h"
#include "step_tables.h"

namespace {

using deneb::ReportInput;
using deneb::ResultRow;
using deneb::StepRow;

/// reports.csv and output.csv of each step, and reports.json of the task.
class Tables final : public deneb::Report {
 public:
  using Options = deneb::NoOptions;
  explicit Tables(const Options&) {}

  std::string write(const ReportInput& input, const std::string& step) const override {
    const std::string output = input.task_folder + "/output";
    bool found = step.empty();
    for (const StepRow& row : input.store.steps()) {
      if (!step.empty() && row.name != step) continue;
      found = true;
      const std::vector<ResultRow> trials =
          input.store.trials(row.name, deneb::TrialStore::Policies::kFront);
      const std::string folder = output + "/" + row.name;
      deneb::write_file_atomically(folder + "/reports.csv", deneb::reports::trials_csv(trials));
      deneb::write_file_atomically(folder + "/output.csv",
                                   deneb::reports::result_csv(row, trials, input.task_folder));
    }
    if (!found) {
      throw deneb::RunError(input.task_folder + ": the store knows no step '" + step +
                            "'; run it first");
    }
    deneb::write_file_atomically(output + "/reports.json",
                                 deneb::reports::reports_json(input.store, input.task_folder));
    return step.empty() ? output + "/reports.json" : output + "/" + step + "/output.csv";
  }
};

/// stem.md, stem.csv (at each budget) and a CSV file for each other table.
class ComparisonTables final : public deneb::ComparisonReport {
 public:
  using Options = deneb::NoOptions;
  explicit ComparisonTables(const Options&) {}

  std::vector<std::string> write(const deneb::ComparisonInput& input,
                                 const std::string& stem) const override {
    const auto comparison = deneb::reports::compare(input);
    const auto tables = deneb::reports::comparison_tables(comparison);
    std::vector<std::string> paths = {stem + ".md"};
    deneb::write_file_atomically(paths.front(),
                                 deneb::reports::comparison_markdown(comparison, tables));
    for (const auto& table : tables) {
      paths.push_back(stem + (table.name == "accuracy" ? "" : "_" + table.name) + ".csv");
      deneb::write_file_atomically(paths.back(), deneb::reports::comparison_csv(table));
    }
    return paths;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Report, Tables>("tables", "reports.csv, output.csv and reports.json");
  r.add<deneb::ComparisonReport, ComparisonTables>("tables",
                                                   "tasks side by side, as CSV and Markdown");
}

}  // namespace

DENEB_PLUGIN("tables", "0.1.0", "Results as CSV and JSON", register_all);
