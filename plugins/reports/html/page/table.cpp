#include "page/table.h"

#include <algorithm>
#include <cmath>

#include "escape.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {

std::string open_table(const std::string& caption, const std::vector<Column>& columns,
                       bool sortable, bool narrow) {
  std::string out = "<div class=\"table" + std::string(narrow ? " narrow" : "") +
                    "\" tabindex=\"0\"><table" +
                    std::string(sortable ? " class=\"sortable\"" : "") + "><caption>" +
                    html(caption) + "</caption><thead><tr>";
  for (const Column& column : columns) {
    out += "<th scope=\"col\"" + std::string(column.number ? " class=\"number\"" : "") +
           (column.about.empty() ? "" : " title=\"" + html(column.about) + "\"") + ">";
    out += sortable ? "<button type=\"button\">" + html(column.title) + "</button>"
                    : html(column.title);
    out += "</th>";
  }
  return out + "</tr></thead><tbody>\n";
}

std::string close_table() { return "</tbody></table></div>\n"; }

std::string text_cell(const std::string& text) { return "<td>" + html(text) + "</td>"; }

std::string number_cell(std::optional<double> key, const std::string& text,
                        const std::string& more) {
  const std::string small = more.empty() ? "" : "<small>" + html(more) + "</small>";
  if (!key) return "<td class=\"number\">" + html(text) + small + "</td>";
  return "<td class=\"number\" data-key=\"" + html(exact_text(*key)) + "\">" + html(text) + small +
         "</td>";
}

std::string metric_cell(const ResultRow& trial, const std::string& name, const std::string& more) {
  const auto value = metric_of(trial, name);
  return number_cell(value, value ? metric_text(name, *value) : "", more);
}

bool any_message(const StepData& step) {
  return std::any_of(step.trials.begin(), step.trials.end(),
                     [](const ResultRow& trial) { return !trial.message.empty(); });
}

std::string message_cell(const std::string& message) {
  if (message.empty()) return "<td></td>";
  return "<td class=\"message\"><div>" + html(message) + "</div></td>";
}

std::string seconds_cell(const ResultRow& trial) {
  const bool known = std::isfinite(trial.seconds) && trial.status != "running";
  return number_cell(known ? std::optional<double>(trial.seconds) : std::nullopt,
                     known ? time_text(trial.seconds) : "");
}

std::vector<std::string> metric_order(const StepData& step) {
  std::vector<std::string> first;
  for (const Objective& objective : step.objectives) first.push_back(objective.name);
  std::vector<std::string> costs = step.costs();
  costs.resize(std::min<std::size_t>(2, costs.size()));
  for (const std::string& cost : costs) {
    if (std::find(first.begin(), first.end(), cost) == first.end()) first.push_back(cost);
  }
  return metric_names(step.trials, first);
}

std::string cut_note(const StepData& step) {
  if (step.shown.size() == step.trials.size()) return "";
  const std::size_t shown = step.shown.size(), all = step.trials.size();
  const std::string kind = step.search ? " trials" : " models";
  std::string which;
  if (step.front.size() > shown) {
    which = count_text(shown) + " of the " + count_text(step.front.size()) +
            " policies of the result, at even distances by cost";
  } else {
    const bool known = !step.objectives.empty();
    which = std::string(step.search ? "the result of the search" : "baselines") + ", up to " +
            std::to_string(kFailedShown) + " that failed, and " +
            (known ? "the best by " + metric_label(step.objectives[0].name, !step.search)
                   : "the first ones");
  }
  return "<p class=\"note\">The table shows " + count_text(shown) + " of " + count_text(all) +
         kind + ": " + html(which) + ". " + count_text(all - shown) +
         " are left out; all of them are in <code>output/" + html(step.row.name) +
         "/reports.csv</code>.</p>\n";
}

}  // namespace deneb::reports
