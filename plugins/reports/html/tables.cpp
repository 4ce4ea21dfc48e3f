#include "tables.h"

#include <algorithm>
#include <cmath>

#include "../common/trial_facts.h"
#include "chart_data.h"
#include "escape.h"
#include "text.h"

namespace deneb::reports {
namespace {

struct Column {
  std::string title;
  bool number = false;
  std::string about;  ///< tooltip of the head
};

/// `narrow`: no wider than its content.
std::string open_table(const std::string& caption, const std::vector<Column>& columns,
                       bool sortable, bool narrow = false) {
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

/// `key`: what the column is sorted by; the exact value is the tooltip.
std::string number_cell(std::optional<double> key, const std::string& text) {
  if (!key) return "<td class=\"number\">" + html(text) + "</td>";
  const std::string exact = html(exact_text(*key));
  return "<td class=\"number\" data-key=\"" + exact + "\" title=\"" + exact + "\">" + html(text) +
         "</td>";
}

std::string metric_cell(const TrialRow& trial, const std::string& name) {
  const auto value = metric_of(trial, name);
  return number_cell(value, value ? metric_text(name, *value) : "");
}

/// Messages have a column where there are any.
bool any_message(const StepData& step) {
  return std::any_of(step.trials.begin(), step.trials.end(),
                     [](const TrialRow& trial) { return !trial.message.empty(); });
}

std::string message_cell(const std::string& message) {
  if (message.empty()) return "<td></td>";
  return "<td class=\"message\"><div>" + html(message) + "</div></td>";
}

std::string seconds_cell(const TrialRow& trial) {
  const bool known = std::isfinite(trial.seconds) && trial.status != "running";
  return number_cell(known ? std::optional<double>(trial.seconds) : std::nullopt,
                     known ? time_text(trial.seconds) : "");
}

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

std::string widths_cell(const StepData& step, const TrialRow& trial) {
  return "<td class=\"widths\" title=\"" + html(trial.encoding) + "\">" +
         html(trial.policy.empty() ? trial.encoding : widths(step.bits(trial))) + "</td>";
}

/// Objectives first, then the costs that everybody asks for, then the other metrics.
std::vector<std::string> metric_order(const StepData& step) {
  std::vector<std::string> first;
  for (const Objective& objective : step.objectives) first.push_back(objective.name);
  for (const char* cost : {"bitops", "size"}) {
    const bool known = std::any_of(step.trials.begin(), step.trials.end(), [&](const TrialRow& t) {
      return metric_of(t, cost).has_value();
    });
    if (known && std::find(first.begin(), first.end(), cost) == first.end()) first.push_back(cost);
  }
  return metric_names(step.trials, first);
}

/// Do the layer facts give exactly the costs that the step has recorded?
bool explained(const StepData& step, const std::string& cost) {
  bool any = false;
  for (const TrialRow& trial : step.trials) {
    const auto value = metric_of(trial, cost);
    if (!value) continue;
    const auto bits = step.bits(trial);
    const double computed =
        cost == "bitops" ? bitops_of(step.layers, bits) : size_of(step.layers, bits);
    if (std::fabs(computed - *value) > 1e-9 * std::fabs(*value)) return false;
    any = true;
  }
  return any;
}

/// Mean bits per weight, or per activation operand of a MAC.
double mean_bits(const StepData& step, const TrialRow& trial, bool weights) {
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

/// Costs of float32 and of uniform widths, computed: lines to compare with that nobody trained.
struct Reference {
  std::string name;
  double bitops, size;
};
std::vector<Reference> references_of(const StepData& step) {
  std::vector<Reference> all;
  if (step.trials.empty() || !explained(step, "bitops") || !explained(step, "size")) return all;
  // Pinned layers as the models have them.
  const auto model = step.bits(step.trials.front());
  for (const int width : {32, 8, 4, 2}) {
    std::vector<LayerBits> bits(step.layers.size());
    for (std::size_t i = 0; i < bits.size(); ++i) {
      bits[i].weight_bits = bits[i].activation_bits = width;
      if (step.layers[i].pinned && width != 32) bits[i] = model[i];
    }
    const std::string word = std::to_string(width);
    const std::string name = width == 32 ? "float32" : "uniform w" + word + "a" + word;
    const auto has_name = [&](const TrialRow& trial) { return trial.origin == name; };
    const bool trained = std::any_of(step.trials.begin(), step.trials.end(), has_name) ||
                         std::any_of(step.baselines.begin(), step.baselines.end(), has_name);
    if (!trained) all.push_back({name, bitops_of(step.layers, bits), size_of(step.layers, bits)});
  }
  return all;
}

std::string reference_rows(const StepData& step, const std::vector<std::string>& metrics) {
  const double float_bitops = float_cost(step, "bitops"), float_size = float_cost(step, "size");
  std::string out;
  for (const Reference& reference : references_of(step)) {
    out += "<tr class=\"reference\"><td></td>" + text_cell(reference.name);
    for (const std::string& name : metrics) {
      const bool known = name == "bitops" || name == "size";
      const double value = name == "bitops" ? reference.bitops : reference.size;
      out += known ? number_cell(value, metric_text(name, value)) : "<td></td>";
      if (name == "bitops") out += number_cell({}, times_text(float_bitops, value));
      if (name == "size") out += number_cell({}, times_text(float_size, value));
    }
    out += std::string("<td></td><td></td><td></td><td>cost only</td>") +
           (any_message(step) ? "<td></td>" : "") + "</tr>\n";
  }
  return out;
}

}  // namespace

const TrialRow* float_model(const StepData& step) {
  for (const auto* rows : {&step.trials, &step.baselines}) {
    for (const TrialRow& trial : *rows) {
      if (trial.status == "finished" && trial.policy.empty()) return &trial;
    }
  }
  return nullptr;
}

double float_cost(const StepData& step, const std::string& cost) {
  if (const TrialRow* model = float_model(step)) {
    if (const auto value = metric_of(*model, cost)) return *value;
  }
  if (!explained(step, cost)) return -1;
  const std::vector<LayerBits> bits(step.layers.size());
  return cost == "bitops" ? bitops_of(step.layers, bits) : size_of(step.layers, bits);
}

std::string status_tag(const std::string& status) {
  return "<span class=\"tag " + html(status) + "\">" + html(status) + "</span>";
}

std::string trial_table(const StepData& step, std::size_t max_rows) {
  const std::vector<std::string> metrics = metric_order(step);
  std::vector<Column> columns = {{"trial", true, "number of the trial"},
                                 {"front", false, "member of the Pareto front"},
                                 {"status", false, ""},
                                 {"origin", false, "where the search took the policy from"}};
  for (const std::string& name : metrics) columns.push_back({metric_label(name), true, name});
  columns.push_back({"widths", false, "weight bits / activation bits, layer by layer"});
  columns.push_back({"time", true, "run time of the trial"});
  const bool messages = any_message(step);
  if (messages) columns.push_back({"message", false, ""});
  const std::size_t shown =
      max_rows == 0 ? step.trials.size() : std::min(max_rows, step.trials.size());
  std::string out =
      open_table("All trials of step " + step.row.name +
                     (shown < step.trials.size()
                          ? ": the first " + std::to_string(shown) + " of " +
                                std::to_string(step.trials.size()) + ", the others are in output/" +
                                step.row.name + "/reports.csv"
                          : ""),
                 columns, true);
  for (std::size_t i = 0; i < shown; ++i) {
    const TrialRow& trial = step.trials[i];
    const bool failed = trial.status != "finished" && trial.status != "running";
    out += "<tr id=\"" + html(step.row.name) + "-" + std::to_string(trial.id) + "\"" +
           (trial.front ? " class=\"front\""
            : failed    ? " class=\"failed\""
                        : "") +
           ">";
    out += number_cell(double(trial.id), std::to_string(trial.id));
    out += "<td data-key=\"" + std::string(trial.front ? "0" : "1") + "\">" +
           (trial.front ? "\xe2\x97\x8f" : "") + "</td>";  // black circle
    out += "<td>" + status_tag(trial.status) + "</td>" + text_cell(trial.origin);
    for (const std::string& name : metrics) out += metric_cell(trial, name);
    out += widths_cell(step, trial) + seconds_cell(trial);
    out += (messages ? message_cell(trial.message) : "") + "</tr>\n";
  }
  return out + close_table();
}

namespace {

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

namespace {

/// Also for a baseline of another step.
std::string model_row(const StepData& step, const TrialRow& trial,
                      const std::vector<std::string>& metrics, bool messages) {
  const bool own = trial.step == step.row.name;
  std::string out =
      "<tr" + (own ? " id=\"" + html(step.row.name) + "-" + std::to_string(trial.id) + "\"" : "") +
      (is_baseline(trial) ? " class=\"baseline\"" : "") + ">";
  out += own ? number_cell(double(trial.id), std::to_string(trial.id)) : "<td></td>";
  out += text_cell(trial.origin + (own ? "" : " (step " + trial.step + ")"));
  for (const std::string& name : metrics) {
    out += metric_cell(trial, name);
    const double value = metric_of(trial, name).value_or(-1);
    if (name != "bitops" && name != "size") continue;
    out += number_cell({}, times_text(float_cost(step, name), value));
  }
  for (const bool weights : {true, false}) {
    const double bits = mean_bits(step, trial, weights);
    out += std::isfinite(bits) ? number_cell(bits, fixed_text(bits, 2)) : "<td></td>";
  }
  out += seconds_cell(trial) + "<td>" + status_tag(trial.status) + "</td>";
  return out + (messages ? message_cell(trial.message) : "") + "</tr>\n";
}

}  // namespace

std::string model_table(const StepData& step) {
  const std::vector<std::string> metrics = metric_order(step);
  std::vector<Column> columns = {{"model", true, "folder output/" + step.row.name + "/models/..."},
                                 {"from", false, "step and policy, or baseline"}};
  for (const std::string& name : metrics) {
    columns.push_back({metric_label(name, true), true, name});
    if (name == "bitops") columns.push_back({"fewer", true, "BitOps of float32 / BitOps"});
    if (name == "size") columns.push_back({"smaller", true, "size in float32 / size"});
  }
  columns.push_back({"mean w bits", true, "mean bits of a weight"});
  columns.push_back({"mean a bits", true, "mean bits of activations, layers weighted by MACs"});
  columns.push_back({"time", true, "training time"});
  columns.push_back({"status", false, ""});
  const bool messages = any_message(step);
  if (messages) columns.push_back({"message", false, ""});
  std::string out = open_table("Models of step " + step.row.name, columns, true);
  for (const TrialRow& trial : step.trials) out += model_row(step, trial, metrics, messages);
  for (const TrialRow& trial : step.baselines) out += model_row(step, trial, metrics, messages);
  return out + reference_rows(step, metrics) + close_table();
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
