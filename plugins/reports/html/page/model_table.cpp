#include <algorithm>
#include <cmath>

#include "escape.h"
#include "page/table.h"
#include "page/tables.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

/// Mean bits per weight, or per activation operand of a MAC.
double mean_bits(const StepData& step, const ResultRow& trial, bool weights) {
  double sum = 0, all = 0;
  const auto bits = step.bits(trial);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const double share = weights ? step.layers[i].weights : step.layers[i].macs;
    sum += share * (weights ? bits[i].weight_bits : bits[i].activation_bits);
    all += share;
  }
  return all > 0 ? sum / all : std::nan("");
}

std::string times_text(double reference, double value) {
  if (reference <= 0 || value <= 0) return "";
  const double ratio = reference / value;
  return (ratio < 99.5 ? fixed_text(ratio, ratio < 9.95 ? 2 : 1) : si_text(std::round(ratio))) +
         "\xc3\x97";  // multiplication sign
}

/// What the rows of the table share.
struct ModelColumns {
  std::vector<std::string> metrics;
  std::map<std::string, double> in_float;  ///< costs of float32
  bool messages;
};

ModelColumns model_columns(const StepData& step) {
  ModelColumns columns{metric_order(step), {}, any_message(step)};
  for (const std::string& cost : step.costs()) columns.in_float[cost] = step.float_cost(cost);
  return columns;
}

/// How many times less than in float32: "62.0\xc3\x97"; "" for what is no cost.
std::string less_text(const ModelColumns& columns, const std::string& name,
                      std::optional<double> value) {
  const auto reference = columns.in_float.find(name);
  if (!value || reference == columns.in_float.end()) return "";
  return times_text(reference->second, *value);
}

/// Also for a baseline of another step.
std::string model_row(const StepData& step, const ResultRow& trial, const ModelColumns& columns) {
  const bool own = trial.step == step.row.name;
  std::string out =
      "<tr" + (own ? " id=\"" + html(step.row.name) + "-" + std::to_string(trial.id) + "\"" : "") +
      (is_baseline(trial) ? " class=\"baseline\"" : "") + ">";
  out += own ? number_cell(double(trial.id), std::to_string(trial.id)) : "<td></td>";
  out += text_cell(trial.origin + (own ? "" : " (step " + trial.step + ")"));
  for (const std::string& name : columns.metrics) {
    out += metric_cell(trial, name, less_text(columns, name, metric_of(trial, name)));
  }
  for (const bool weights : {true, false}) {
    const double bits = mean_bits(step, trial, weights);
    out += std::isfinite(bits) ? number_cell(bits, fixed_text(bits, 2)) : "<td></td>";
  }
  out += seconds_cell(trial) + "<td>" + status_tag(trial.status) + "</td>";
  return out + (columns.messages ? message_cell(trial.message) : "") + "</tr>\n";
}

/// Lines to compare with that nobody trained.
std::string reference_rows(const StepData& step, const ModelColumns& columns) {
  std::string out;
  for (const ReferenceCosts& reference : step.references) {
    const auto has_name = [&](const ResultRow& trial) { return trial.origin == reference.name; };
    if (std::any_of(step.trials.begin(), step.trials.end(), has_name) ||
        std::any_of(step.baselines.begin(), step.baselines.end(), has_name)) {
      continue;
    }
    out += "<tr class=\"reference\"><td></td>" + text_cell(reference.name);
    for (const std::string& name : columns.metrics) {
      const auto found = reference.costs.find(name);
      out += found == reference.costs.end()
                 ? "<td></td>"
                 : number_cell(found->second, metric_text(name, found->second),
                               less_text(columns, name, found->second));
    }
    out += std::string("<td></td><td></td><td></td><td>cost only</td>") +
           (columns.messages ? "<td></td>" : "") + "</tr>\n";
  }
  return out;
}

}  // namespace

std::string model_table(const StepData& step) {
  const ModelColumns shared = model_columns(step);
  std::vector<Column> columns = {{"model", true, "folder output/" + step.row.name + "/models/..."},
                                 {"from", false, "step and policy, or baseline"}};
  for (const std::string& name : shared.metrics) {
    const std::string less = shared.in_float.count(name) ? "; small: float32 / this model" : "";
    columns.push_back({metric_label(name, true), true, name + less});
  }
  columns.push_back({"mean w bits", true, "mean bits of a weight"});
  columns.push_back({"mean a bits", true, "mean bits of activations, layers weighted by MACs"});
  columns.push_back({"time", true, "training time"});
  columns.push_back({"status", false, ""});
  if (shared.messages) columns.push_back({"message", false, ""});
  std::string out = open_table("Models of step " + step.row.name, columns, true);
  for (const std::size_t i : step.shown) out += model_row(step, step.trials[i], shared);
  for (const ResultRow& trial : step.baselines) out += model_row(step, trial, shared);
  return out + reference_rows(step, shared) + close_table();
}

}  // namespace deneb::reports
