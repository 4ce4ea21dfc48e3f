#include <algorithm>

#include "charts/bits.h"
#include "escape.h"
#include "page/table.h"
#include "page/tables.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

/// "4848 / 8884": weight widths, activation widths, layer by layer.
std::string widths(const std::vector<LayerBits>& layers) {
  const auto join = [&](bool weights) {
    std::string text;
    bool spaced = false;
    for (const LayerBits& bits : layers) {
      const int width = weights ? bits.weight_bits : bits.activation_bits;
      const std::string word = width_text(weights ? bits.weight : bits.activation, width);
      spaced = spaced || word.size() > 1;
    }
    for (const LayerBits& bits : layers) {
      const int width = weights ? bits.weight_bits : bits.activation_bits;
      if (spaced && !text.empty()) text += ' ';
      text += width_text(weights ? bits.weight : bits.activation, width);
    }
    return text;
  };
  return join(true) + " / " + join(false);
}

std::string widths_cell(const StepData& step, const ResultRow& trial) {
  return "<td class=\"widths\" title=\"" + html(trial.encoding) + "\">" +
         html(trial.policy.empty() ? trial.encoding : widths(step.bits(trial))) + "</td>";
}

/// What the search calls the policy: " knee"; "" for most.
std::string mark_of(const StepData& step, const ResultRow& trial) {
  const auto& info = step.row.info;
  if (!info.is_object() || !info.contains("marks") || !info["marks"].is_object()) return "";
  const auto found = info["marks"].find(std::to_string(trial.id));
  return found == info["marks"].end() || !found->is_string()
             ? ""
             : " " + html(found->get<std::string>());
}

std::string rank_cell(const RankCorrelations::Group& group, const std::string& metric) {
  for (const RankCorrelation& value : group.values) {
    if (value.metric != metric) continue;
    const std::string text = fixed_text(value.rho, 2);
    return "<td class=\"number\" title=\"" + std::to_string(value.trials) + " trials\">" +
           (text == "-0.00" ? "0.00" : text) + "</td>";
  }
  return "<td></td>";
}

}  // namespace

std::string status_tag(const std::string& status) {
  return "<span class=\"tag " + html(status) + "\">" + html(status) + "</span>";
}

std::string trial_table(const StepData& step) {
  const std::vector<std::string> metrics = metric_order(step);
  std::vector<Column> columns = {
      {"trial", true, "number of the trial"},
      {step.pareto ? "front" : "result", false,
       step.pareto ? "member of the Pareto front" : "put forward by the search"},
      {"status", false, ""},
      {"origin", false, "where the search took the policy from"}};
  for (const std::string& name : metrics) columns.push_back({metric_label(name), true, name});
  columns.push_back({"widths", false, "weight bits / activation bits, layer by layer"});
  columns.push_back({"time", true, "run time of the trial"});
  const bool messages = any_message(step);
  if (messages) columns.push_back({"message", false, ""});
  const std::string which = step.shown.size() < step.trials.size() ? "Some" : "All";
  std::string out = open_table(which + " trials of step " + step.row.name, columns, true);
  for (const std::size_t i : step.shown) {
    const ResultRow& trial = step.trials[i];
    const bool failed = trial.status != "finished" && trial.status != "running";
    out += "<tr id=\"" + html(step.row.name) + "-" + std::to_string(trial.id) + "\"" +
           (trial.front ? " class=\"front\""
            : failed    ? " class=\"failed\""
                        : "") +
           ">";
    out += number_cell(double(trial.id), std::to_string(trial.id));
    out += "<td data-key=\"" + std::string(trial.front ? "0" : "1") + "\">" +
           (trial.front ? "\xe2\x97\x8f" : "") + mark_of(step, trial) + "</td>";  // black circle
    out += "<td>" + status_tag(trial.status) + "</td>" + text_cell(trial.origin);
    for (const std::string& name : metrics) out += metric_cell(trial, name);
    out += widths_cell(step, trial) + seconds_cell(trial);
    out += (messages ? message_cell(trial.message) : "") + "</tr>\n";
  }
  return out + close_table();
}

std::string rank_table(const StepData& step) {
  const auto& groups = step.ranks.groups;
  std::vector<Column> columns = {{"metric", false, ""},
                                 {"trials", true, "finished trials that have both values"},
                                 {groups.size() > 1 ? "all origins" : "rho", true, ""}};
  for (std::size_t i = 1; i < groups.size(); ++i) columns.push_back({groups[i].origin, true, ""});
  std::string out = open_table("Rank correlations of step " + step.row.name, columns, false, true);
  for (const RankCorrelation& value : groups.front().values) {
    out += "<tr>" + text_cell(metric_label(value.metric)) +
           number_cell({}, std::to_string(value.trials));
    for (const auto& group : groups) out += rank_cell(group, value.metric);
    out += "</tr>\n";
  }
  return out + close_table();
}

std::string step_table(const TaskData& task) {
  std::string out = open_table("Steps",
                               {{"step", false, ""},
                                {"kind", false, ""},
                                {"status", false, ""},
                                {"trials or models", true, ""},
                                {"failed", true, ""},
                                {"started", false, ""},
                                {"time", true, "from the first start to the end"},
                                {"message", false, ""}},
                               false);
  for (const StepData& step : task.steps) {
    const std::size_t failed = step.trials.size() - step.count("finished") - step.count("running");
    out += "<tr>" + text_cell(step.row.name) + text_cell(step.row.type) + "<td>" +
           status_tag(step.row.status) + "</td>" +
           number_cell({}, std::to_string(step.trials.size())) +
           number_cell({}, std::to_string(failed)) + text_cell(date_text(step.row.started)) +
           number_cell({}, time_text(seconds_between(step.row.started, step.row.finished))) +
           message_cell(step.row.message) + "</tr>\n";
  }
  return out + close_table();
}

}  // namespace deneb::reports
