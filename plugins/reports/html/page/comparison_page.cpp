#include "page/comparison_page.h"

#include <algorithm>
#include <map>

#include <deneb/config.h>
#include <deneb/quant/format.h>

#include "charts/bits.h"
#include "charts/fronts.h"
#include "charts/heat_map.h"
#include "comparison_tables.h"
#include "escape.h"
#include "page/figure.h"
#include "page/frame.h"
#include "page/legends.h"
#include "page/table.h"
#include "text.h"

namespace deneb::reports {
namespace {

using nlohmann::ordered_json;
using Kind = ComparedRow::Kind;

std::string list_of(const std::vector<std::string>& lines) {
  std::string out = "<ul>\n";
  for (const std::string& line : lines) out += "<li>" + html(line) + "</li>\n";
  return out + "</ul>\n";
}

std::string notice(const std::string& head, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  return "<div class=\"notice\"><p>" + html(head) + "</p>\n" + list_of(lines) + "</div>\n";
}

/// With its unit, where the head of a column would say it.
std::string measured(const Comparison& comparison, double value) {
  return measure_text(comparison, value) + (is_fraction(comparison.measure) ? " %" : "");
}

std::string signed_text(const Comparison& comparison, double value) {
  return (value > 0 ? "+" : "") + measure_text(comparison, value);
}

std::string seeds_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

/// "90.25 % ± 0.31, 3 seeds; +0.52 to uniform (95 %: +0.10 to +0.94)".
std::string value_text(const Comparison& comparison, const RowAtBudget& at) {
  std::string text = measured(comparison, at.mean);
  if (at.spread) text += " \xc2\xb1 " + measure_text(comparison, *at.spread);
  text += ", " + seeds_text(at.seeds.size());
  if (!at.difference) return text;
  text += "; " + signed_text(comparison, at.difference->mean) + " to " + at.against;
  if (const auto& interval = at.difference->interval) {
    text += " (95 %: " + signed_text(comparison, interval->first) + " to " +
            signed_text(comparison, interval->second) + ")";
  }
  return text;
}

/// The best row that is not uniform.
const ComparedRow* best_row(const Comparison& comparison, std::size_t budget) {
  const ComparedRow* best = nullptr;
  for (const ComparedRow& row : comparison.rows) {
    const bool found = row.kind == Kind::kSearch || row.kind == Kind::kGiven;
    if (!found || row.at[budget].seeds.empty()) continue;
    const double value = row.at[budget].mean;
    const bool better = !best || (comparison.maximize ? value > best->at[budget].mean
                                                      : value < best->at[budget].mean);
    if (better) best = &row;
  }
  return best;
}

std::string lead_of(const Comparison& comparison) {
  std::vector<std::string> sentences;
  for (std::size_t b = 0; b < comparison.budgets.size(); ++b) {
    if (const ComparedRow* best = best_row(comparison, b)) {
      sentences.push_back(comparison.budgets[b].name + ": the best that is not uniform is " +
                          best->name + ", " + value_text(comparison, best->at[b]) + ".");
    }
  }
  if (sentences.empty())
    return "<p class=\"lead\">No row has a trained model within a budget.</p>\n";
  std::string out = "<ul class=\"lead\">\n";
  for (const std::string& sentence : sentences) out += "<li>" + html(sentence) + "</li>\n";
  return out + "</ul>\n";
}

std::string fact_of(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return "<div><dt>" + html(name) + "</dt><dd>" + html(value) + "</dd></div>\n";
}

std::string header_of(const Comparison& comparison) {
  std::string budgets;
  for (const Budget& budget : comparison.budgets) {
    budgets += (budgets.empty() ? "" : ", ") + budget.name + ": " + si_text(budget.cost);
  }
  return "<header>\n<p class=\"brand\">Deneb comparison</p>\n<h1>" + html(comparison.network) +
         " on " + html(comparison.dataset) + "</h1>\n" + lead_of(comparison) +
         notice("These tasks do not agree; their numbers are no fair comparison:",
                comparison.disagreements) +
         notice("Mind:", comparison.notes) + "<dl class=\"facts\">\n" +
         fact_of("Tasks", std::to_string(comparison.tasks.size())) +
         fact_of("Network", comparison.network) + fact_of("Dataset", comparison.dataset) +
         fact_of("Measure", metric_label(comparison.measure, true)) +
         fact_of("Cost", metric_label(comparison.cost)) + fact_of("Budgets", budgets) +
         fact_of("Deneb", DENEB_VERSION) + "</dl>\n</header>\n";
}

std::string table_html(const ComparisonTable& table) {
  std::vector<Column> columns;
  for (const ComparisonColumn& column : table.columns) {
    columns.push_back({column.title, column.number, column.about});
  }
  std::string out = open_table(table.title, columns, true);
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out +=
          table.columns[i].number ? number_cell(row[i].value, row[i].text) : text_cell(row[i].text);
    }
    out += "</tr>\n";
  }
  return out + close_table();
}

std::string open_part(const std::string& id, const std::string& title, const std::string& text) {
  return "<section id=\"" + html(id) + "\">\n<h2>" + html(title) + "</h2>\n<p>" + html(text) +
         "</p>\n";
}

/// Differences to uniform, a view for each budget that has some.
std::string difference_figure(const Comparison& comparison) {
  ChartSlot slot;
  slot.id = "differences";
  slot.title = "Differences to uniform widths";
  slot.text =
      "The mean over seeds, and its 95 % interval. What reaches across the line at 0 may be "
      "chance.";
  slot.choose = "Budget";
  std::vector<View> views;
  for (std::size_t b = 0; b < comparison.budgets.size(); ++b) {
    std::vector<DifferenceMark> marks;
    const double scale = is_fraction(comparison.measure) ? 100 : 1;
    for (const ComparedRow& row : comparison.rows) {
      const auto& difference = row.at[b].difference;
      if (!difference) continue;
      DifferenceMark mark{row.name, row.name + "\n" + value_text(comparison, row.at[b]),
                          scale * difference->mean, std::nullopt};
      if (difference->interval) {
        mark.interval = {scale * difference->interval->first, scale * difference->interval->second};
      }
      marks.push_back(std::move(mark));
    }
    if (marks.empty()) continue;
    std::stable_sort(marks.begin(), marks.end(), [&](const auto& a, const auto& c) {
      return comparison.maximize ? a.mean > c.mean : a.mean < c.mean;
    });
    Axis axis;
    axis.label = metric_label(comparison.measure, true) + " above uniform" +
                 (scale == 100 ? " (points)" : "");
    const std::string name = comparison.budgets[b].name;
    views.push_back({name, svg_differences("differences at " + name, axis, marks)});
  }
  return figure(slot, views);
}

Axis measure_axis(const Comparison& comparison, bool judged) {
  Axis axis;
  axis.metric = comparison.measure;
  axis.percent = is_fraction(comparison.measure);
  axis.minimize = !comparison.maximize;
  axis.label = metric_label((judged ? "" : "validation_") + comparison.measure, judged) +
               (axis.percent ? " (%)" : "");
  return axis;
}

FrontChart front_chart(const Comparison& comparison, bool judged) {
  FrontChart chart;
  chart.x.metric = comparison.cost;
  chart.x.minimize = true;
  chart.x.label = metric_label(comparison.cost);
  chart.y = measure_axis(comparison, judged);
  chart.title = chart.y.label + " against " + chart.x.label;
  for (const Budget& budget : comparison.budgets) {
    chart.budgets.emplace_back(budget.name, budget.cost);
  }
  return chart;
}

/// Trained models of each task, one color per row.
FrontChart model_chart(const Comparison& comparison) {
  FrontChart chart = front_chart(comparison, true);
  for (std::size_t r = 0; r < comparison.rows.size(); ++r) {
    const ComparedRow& row = comparison.rows[r];
    if (row.kind == Kind::kFloat) {
      if (!row.whole.seeds.empty()) {
        chart.levels.emplace_back(row.name, chart.y.shown(row.whole.mean));
      }
      continue;
    }
    std::map<std::size_t, FrontLine> lines;
    for (const ComparedModel& model : row.models) {
      const TaskFacts& task = comparison.tasks[model.task];
      FrontLine& line = lines[model.task];
      line.series = r;
      line.points.push_back({chart.x.shown(model.cost), chart.y.shown(model.measure),
                             row.name + "\n" + task.name + ", seed " + std::to_string(task.seed) +
                                 ", model " + std::to_string(model.id) + " (" + model.origin +
                                 ")\n" + measured(comparison, model.measure) + ", " +
                                 chart.x.label + " " + si_text(model.cost)});
    }
    for (auto& entry : lines) chart.lines.push_back(std::move(entry.second));
  }
  chart.cover();
  return chart;
}

/// Fronts of the searches that tried policies.
FrontChart search_chart(const Comparison& comparison) {
  FrontChart chart = front_chart(comparison, false);
  for (const SearchFront& front : comparison.fronts) {
    FrontLine line;
    line.series = front.row;
    for (const auto& [cost, value] : front.points) {
      line.points.push_back(
          {chart.x.shown(cost), chart.y.shown(value),
           comparison.rows[front.row].name + "\n" + comparison.tasks[front.task].name + "\n" +
               measured(comparison, value) + ", " + chart.x.label + " " + si_text(cost)});
    }
    chart.lines.push_back(std::move(line));
  }
  chart.cover();
  return chart;
}

std::string front_section(const Comparison& comparison) {
  ChartSlot slot;
  slot.id = "fronts-chart";
  slot.title = "Accuracy and cost";
  slot.text =
      "Each dot is a model, each line joins what one task reaches at best; up and to the left is "
      "better. Dashed lines are the budgets.";
  slot.choose = "Show";
  std::vector<View> views;
  std::vector<std::pair<std::string, std::string>> legend;
  for (std::size_t r = 0; r < comparison.rows.size(); ++r) {
    if (comparison.rows[r].kind != Kind::kFloat) {
      legend.emplace_back(series_class(r), comparison.rows[r].name);
    }
  }
  slot.legend = series_legend(legend);
  const FrontChart models = model_chart(comparison);
  if (!models.lines.empty()) {
    views.push_back({"trained models, test samples", svg_fronts(models)});
  }
  if (!comparison.fronts.empty()) {
    views.push_back({"policies of the searches, validation samples",
                     svg_fronts(search_chart(comparison)),
                     "What a search measured of the policies that it put forward, before they were "
                     "trained; searches that computed theirs are not in it."});
  }
  if (views.empty()) return "";
  return open_part("fronts", "Fronts", "All models, and what they cost.") + figure(slot, views) +
         "</section>\n";
}

LayerBits layer_bits(const ordered_json& policy, const std::string& layer) {
  LayerBits bits;
  for (const auto& item : policy) {
    if (item.value("name", "") != layer) continue;
    bits.weight = item.value("weight", "");
    bits.activation = item.value("activation", "");
    const auto width = [](const std::string& word) {
      try {
        return Format::parse(word).bits;
      } catch (const Error&) {
        return 0;
      }
    };
    bits.weight_bits = width(bits.weight);
    bits.activation_bits = width(bits.activation);
  }
  return bits;
}

BitChart width_chart(const Comparison& comparison, std::size_t budget) {
  BitChart chart;
  chart.title = "widths at " + comparison.budgets[budget].name;
  for (const LayerSize& layer : comparison.layers) {
    LayerFacts facts;
    facts.name = layer.name;
    facts.macs = layer.macs;
    facts.weights = layer.weights;
    facts.pinned = layer.pinned;
    chart.layers.push_back(std::move(facts));
  }
  for (const ComparedRow& row : comparison.rows) {
    if (row.kind == Kind::kUniform) continue;
    for (const SeedValue& value : row.at[budget].seeds) {
      BitRow bits;
      bits.label = row.name + ", seed " + std::to_string(value.seed);
      bits.tip = bits.label;
      for (const LayerSize& layer : comparison.layers) {
        bits.layers.push_back(layer_bits(row.models[value.model].policy, layer.name));
      }
      chart.rows.push_back(std::move(bits));
    }
  }
  return chart;
}

std::string width_section(const Comparison& comparison) {
  ChartSlot slot;
  slot.id = "widths-chart";
  slot.title = "Bits per layer";
  slot.text = "The model of each row and seed that counts at the budget.";
  slot.choose = "Budget";
  slot.scrolls = true;
  std::vector<View> views;
  BitChart all;
  for (std::size_t b = 0; b < comparison.budgets.size(); ++b) {
    const BitChart chart = width_chart(comparison, b);
    if (chart.rows.empty() || chart.layers.empty()) continue;
    views.push_back({comparison.budgets[b].name, svg_bit_matrix(chart)});
    all.layers = chart.layers;
    all.rows.insert(all.rows.end(), chart.rows.begin(), chart.rows.end());
  }
  if (views.empty()) return "";
  slot.legend = bit_legend(all);
  return open_part("widths", "Widths",
                   "What each search gives to each layer. The formats themselves are in the CSV "
                   "file, and in the tooltips.") +
         figure(slot, views) + "</section>\n";
}

HeatMap score_map(const Comparison& comparison, ScoredTensors tensors) {
  HeatMap map;
  map.name = "scores";
  map.title = "rank correlations between scores of layers";
  map.value_label = "rho";
  map.lower_is_better = false;
  for (const ScoreSource& source : comparison.scores) {
    map.x_names.push_back(source.name);
    map.y_names.push_back(source.name);
  }
  for (const auto& row : score_agreements(comparison.scores, tensors)) {
    map.values.emplace_back();
    for (const ScoreAgreement& entry : row) map.values.back().push_back(entry.rho);
  }
  return map;
}

std::string score_section(const Comparison& comparison, const ComparisonTable& table) {
  ChartSlot slot;
  slot.id = "scores-chart";
  slot.title = "Rank correlations";
  slot.text = "Pale colors: the two sources order the layers alike.";
  slot.choose = "Tensors";
  slot.scrolls = true;
  std::vector<View> views;
  for (const auto& [tensors, word] :
       {std::pair{ScoredTensors::kAll, "all"}, std::pair{ScoredTensors::kWeights, "weights"},
        std::pair{ScoredTensors::kActivations, "activations"}}) {
    const HeatMap map = score_map(comparison, tensors);
    const bool known = std::any_of(map.values.begin(), map.values.end(), [](const auto& row) {
      return std::any_of(row.begin(), row.end(), is_measured);
    });
    if (!known) continue;
    views.push_back({word, svg_heat_map(StepData(), map)});
    if (slot.legend.empty()) slot.legend = heat_legend(map);
  }
  return open_part(table.name, table.title, table.text) + figure(slot, views) + table_html(table) +
         "</section>\n";
}

std::string task_section(const Comparison& comparison, const ComparisonTable& table) {
  std::string out = open_part(table.name, table.title, table.text) + table_html(table);
  if (!comparison.trainings.empty()) {
    out +=
        "<h3>Trainings</h3>\n<p>The models were not all trained alike. Rows are compared with "
        "uniform models of their own training where there are some. They differ in:</p>\n" +
        list_of(comparison.trainings);
  }
  return out + "</section>\n";
}

std::string section_of(const Comparison& comparison, const ComparisonTable& table) {
  if (table.name == "widths") return width_section(comparison);
  if (table.name == "scores") return score_section(comparison, table);
  if (table.name == "tasks") return task_section(comparison, table);
  const std::string out = open_part(table.name, table.title, table.text) + table_html(table);
  if (table.name != "accuracy") return out + "</section>\n";
  return out + difference_figure(comparison) + "</section>\n" + front_section(comparison);
}

ordered_json data_of(const Comparison& comparison, const std::vector<ComparisonTable>& tables) {
  auto budgets = ordered_json::array();
  for (const Budget& budget : comparison.budgets) {
    budgets.push_back({{"name", budget.name}, {"cost", budget.cost}});
  }
  auto all = ordered_json::object();
  for (const ComparisonTable& table : tables) {
    auto columns = ordered_json::array(), rows = ordered_json::array();
    for (const ComparisonColumn& column : table.columns) columns.push_back(column.key);
    for (const auto& row : table.rows) {
      auto cells = ordered_json::array();
      for (const ComparisonCell& cell : row) {
        if (cell.value) {
          cells.push_back(*cell.value);
        } else {
          cells.push_back(cell.text);
        }
      }
      rows.push_back(cells);
    }
    all[table.name] = {{"columns", columns}, {"rows", rows}};
  }
  return {{"network", comparison.network},
          {"dataset", comparison.dataset},
          {"measure", comparison.measure},
          {"cost", comparison.cost},
          {"budgets", budgets},
          {"disagreements", comparison.disagreements},
          {"trainings", comparison.trainings},
          {"notes", comparison.notes},
          {"tables", all}};
}

}  // namespace

std::string comparison_page(const Comparison& comparison) {
  const auto tables = comparison_tables(comparison);
  std::string parts, links;
  for (const ComparisonTable& table : tables) {
    const std::string part = section_of(comparison, table);
    if (part.empty()) continue;
    parts += part;
    links += "<a href=\"#" + html(table.name) + "\">" + html(table.title) + "</a> ";
    if (part.find("<section id=\"fronts\">") != std::string::npos) {
      links += "<a href=\"#fronts\">Fronts</a> ";
    }
  }
  return page_head(comparison.network + " on " + comparison.dataset + " - Deneb comparison") +
         header_of(comparison) + "<nav aria-label=\"Sections\">" + links + "</nav>\n<main>\n" +
         parts +
         "</main>\n<footer>\n<p>Written by Deneb " DENEB_VERSION
         ". The tables stand beside this file as CSV and Markdown. This page needs no "
         "network.</p>\n</footer>\n" +
         page_end(data_of(comparison, tables));
}

}  // namespace deneb::reports
