#include "charts/bits.h"
#include "charts/curves.h"
#include "charts/heat_map.h"
#include "charts/scatter.h"
#include "escape.h"
#include "page/legends.h"
#include "page/sections.h"
#include "page/table.h"
#include "page/tables.h"
#include "text.h"

namespace deneb::reports {
namespace {

/// Charts that the search itself asked for.
std::string own_figures(const StepData& step) {
  std::string out;
  int number = 0;
  for (const StepFigure& asked : figures_of(step)) {
    ChartSlot slot;
    slot.id = "figure-" + step.row.name + "-" + std::to_string(++number);
    slot.title = asked.chart.title;
    slot.text = html(asked.text);
    slot.legend = curve_legend({asked.chart}, "");
    slot.scrolls = !asked.chart.places.empty();
    out += figure(slot, {{asked.chart.y.label, svg_curves(asked.chart)}});
  }
  number = 0;
  for (const HeatMap& map : step.heat_maps) {
    ChartSlot slot;
    slot.id = "heat-map-" + step.row.name + "-" + std::to_string(++number);
    slot.title = map.title;
    slot.text = html(map.text);
    slot.legend = heat_legend(map);
    slot.scrolls = true;
    out += figure(slot, {{map.title, svg_heat_map(step, map)}});
  }
  return out;
}

/// The policies that the search put forward, or as many of them as can be drawn.
std::string bit_figures(const StepData& step) {
  const BitChart bits = bits_of_front(step);
  if (bits.rows.empty() || bits.layers.empty()) return "";
  const std::string all = step.pareto ? "on the front" : "that the search found";
  const std::string cut = bits.rows.size() == step.front.size()
                              ? ""
                              : " Shown are " + std::to_string(bits.rows.size()) + " of " +
                                    count_text(step.front.size()) +
                                    ", at even distances from the cheapest to the most costly.";
  ChartSlot matrix;
  matrix.id = "bits-" + step.row.name;
  matrix.title = (cut.empty() ? "Bits of every policy " : "Bits of policies ") + all;
  matrix.text =
      "A row per policy, the cheapest first; a column per layer, in the order in which data pass "
      "through. Layers that keep many bits even in cheap policies are the sensitive ones." +
      cut;
  matrix.legend = bit_legend(bits);
  matrix.scrolls = true;
  std::string out = figure(matrix, {{bits.title, svg_bit_matrix(bits)}});
  ChartSlot bars;
  bars.id = "layers-" + step.row.name;
  bars.title = "One policy, layer by layer";
  bars.text =
      "Bits of weights and activations, and below them what share of all multiplications (MACs) "
      "the layer has: few bits in a layer with a large share save the most." +
      cut;
  bars.choose = "Policy of";
  bars.scrolls = true;
  std::vector<View> views;
  for (const BitRow& row : bits.rows) {
    views.push_back({"trial " + row.label, svg_bit_bars(bits.layers, row)});
  }
  return out + figure(bars, views);
}

std::string rank_section(const StepData& step) {
  if (step.ranks.groups.empty()) return "";
  const std::string reference = html(metric_label(step.ranks.reference));
  return "<h3>Rank correlations</h3>\n<p>How well the order of the trials by a metric agrees with "
         "their order by " +
         reference +
         ": Spearman's rho is 1 where both orders are the same, -1 where one is the reverse of the "
         "other, and near 0 where the metric tells nothing about " +
         reference + ". Finished trials only" +
         (step.ranks.groups.size() > 1 ? ", first all of them, then those of each origin" : "") +
         ".</p>\n" + rank_table(step);
}

}  // namespace

std::string open_section(const StepData& step, const std::string& what) {
  return "<section id=\"step-" + html(step.row.name) + "\">\n<h2>" + what + " <small>step " +
         html(step.row.name) + "</small></h2>\n" +
         (step.row.status == "failed" || step.row.status == "interrupted"
              ? "<p class=\"notice\">" + status_tag(step.row.status) + " " +
                    html(step.row.message) + "</p>\n"
              : "");
}

std::string scatter_figure(const StepData& step, ChartSlot slot) {
  slot.legend = scatter_legend(step);
  slot.choose = "Show";
  std::vector<View> views;
  for (const Scatter& chart : scatters_of(step)) {
    View view{chart.title, svg_scatter(chart)};
    if (chart.points.size() < chart.total) {
      view.note = count_text(chart.points.size()) + " of " + count_text(chart.total) +
                  " marks are drawn; the others would lie on these or close by" +
                  (step.front.empty() || step.front.size() > kScatterFront ? "."
                   : step.pareto ? ". Every member of the Pareto front is there."
                                 : ". Every policy of the result is there.");
    }
    views.push_back(std::move(view));
  }
  return figure(slot, views);
}

std::string search_section(const StepData& step) {
  std::string out = open_section(step, "Search");
  if (step.trials.empty()) {
    return out +
           (step.row.status == "finished" ? "<p>This step tried no policy.</p>\n"
                                          : "<p>No trial yet.</p>\n") +
           own_figures(step) + "</section>\n";
  }
  ChartSlot trials;
  trials.id = "pareto-" + step.row.name;
  trials.title = "All trials";
  trials.text = "Each mark is a trial; numbers are those of the table below.";
  if (step.pareto) {
    trials.text += " Marks of the Pareto front are the ones to choose from.";
    if (step.objectives.size() == 2) trials.text += " The line bounds what the front reaches.";
  } else if (!step.front.empty()) {
    trials.text += " The result is what the search put forward.";
  } else if (step.benchmark) {
    trials.text +=
        " Accuracies are those of the test images: a benchmark, of which none is chosen.";
  }
  return out + scatter_figure(step, trials) + bit_figures(step) + own_figures(step) +
         rank_section(step) + "<h3>Trials</h3>\n<p>Click a head to sort by that column.</p>\n" +
         cut_note(step) + trial_table(step) + "</section>\n";
}

}  // namespace deneb::reports
