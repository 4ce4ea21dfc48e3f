#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/plugin/plugin.h>
#include <deneb/report/report.h>

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

void register_all(deneb::Registrar& r) {
  r.add<deneb::Report, Tables>("tables", "reports.csv, output.csv and reports.json");
}

}  // namespace

DENEB_PLUGIN("tables", "0.1.0", "Results as CSV and JSON", register_all);
