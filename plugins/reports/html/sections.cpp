#include "sections.h"

#include <set>

#include "../common/trial_facts.h"
#include "escape.h"
#include "tables.h"
#include "text.h"

namespace deneb::reports {
namespace {

std::string swatch(const std::string& css, const std::string& words) {
  return "<span class=\"key\"><i class=\"" + css + "\"></i>" + html(words) + "</span> ";
}

std::string scatter_legend(const StepData& step) {
  bool failed = false, baseline = false, plain = false;
  for (const TrialRow& trial : step.trials) {
    const bool bad = trial.status != "finished" && trial.status != "running";
    failed = failed || bad;
    baseline = baseline || (!step.search && is_baseline(trial));
    plain = plain || (step.search && !bad && !trial.front);
  }
  std::string out;
  if (step.search) {
    if (!step.front.empty()) out += swatch("dot-front", "Pareto front");
    if (plain) out += swatch("dot-trial", "other trials");
  } else {
    out += swatch("dot-front", "models of this task");
    if (baseline || !step.baselines.empty()) out += swatch("dot-baseline", "baselines");
  }
  if (failed) out += swatch("cross-failed", "failed (at the lower edge, at its cost if known)");
  return out;
}

std::string bit_legend(const BitChart& chart) {
  std::set<int> widths;  // class -> once, in ascending order
  bool pinned = false;
  for (const BitRow& row : chart.rows) {
    for (const LayerBits& bits : row.layers) {
      widths.insert(std::stoi(width_class(bits.weight_bits)));
      widths.insert(std::stoi(width_class(bits.activation_bits)));
    }
  }
  for (const LayerFacts& layer : chart.layers) pinned = pinned || layer.pinned;
  std::string out;
  for (const int width : widths) {
    const std::string words = width == 0    ? "unknown"
                              : width == 32 ? "f: float32"
                              : width == 16
                                  ? "9 to 16 bits"
                                  : std::to_string(width) + (width == 1 ? " bit" : " bits");
    out += swatch("square w" + std::to_string(width), words);
  }
  return out + (pinned ? "<span class=\"key\">\xe2\x97\x86 pinned layer</span>" : "");
}

/// `what` the curves are: "model ".
std::string curve_legend(const std::vector<CurveChart>& charts, const std::string& what) {
  if (charts.empty()) return "";
  std::string out;
  const auto& curves = charts.front().curves;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].label.empty()) continue;
    out += swatch("line c" + std::to_string(i % 8) + (curves[i].baseline ? " dashed" : ""),
                  what + curves[i].label);
  }
  return out;
}

std::string heading(const StepData& step, const std::string& what) {
  return "<section id=\"step-" + html(step.row.name) + "\">\n<h2>" + what + " <small>step " +
         html(step.row.name) + "</small></h2>\n" +
         (step.row.status == "failed" || step.row.status == "interrupted"
              ? "<p class=\"notice\">" + status_tag(step.row.status) + " " +
                    html(step.row.message) + "</p>\n"
              : "");
}

/// Charts that the search itself asked for.
std::string figures(const StepData& step, Charts& charts) {
  std::string out;
  int number = 0;
  for (const StepFigure& figure : figures_of(step)) {
    ChartSlot slot;
    slot.id = "figure-" + step.row.name + "-" + std::to_string(++number);
    slot.title = figure.chart.title;
    slot.text = html(figure.text);
    slot.legend = curve_legend({figure.chart}, "");
    slot.scrolls = !figure.chart.places.empty();
    out += charts.curves(slot, {figure.chart});
  }
  return out;
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

std::string search_section(const StepData& step, Charts& charts, std::size_t max_rows) {
  std::string out = heading(step, "Search");
  if (step.trials.empty()) {
    return out + "<p>No trial yet.</p>\n" + figures(step, charts) + "</section>\n";
  }
  ChartSlot pareto;
  pareto.id = "pareto-" + step.row.name;
  pareto.title = "All trials";
  pareto.text =
      "Each mark is a trial; numbers are those of the table below. Marks of the Pareto front are "
      "the ones to choose from." +
      std::string(step.objectives.size() == 2 ? " The line bounds what the front reaches." : "");
  pareto.legend = scatter_legend(step);
  pareto.choose = "Show";
  out += charts.scatters(pareto, scatters_of(step));

  const BitChart bits = bits_of_front(step);
  ChartSlot matrix;
  matrix.id = "bits-" + step.row.name;
  matrix.title = "Bits of every policy on the front";
  matrix.text =
      "A row per policy, the cheapest first; a column per layer, in the order in which data pass "
      "through. Layers that keep many bits even in cheap policies are the sensitive ones.";
  matrix.legend = bit_legend(bits);
  matrix.scrolls = true;
  out += charts.bit_matrix(matrix, bits);

  ChartSlot bars;
  bars.id = "layers-" + step.row.name;
  bars.title = "One policy, layer by layer";
  bars.text =
      "Bits of weights and activations, and below them what share of all multiplications (MACs) "
      "the layer has: few bits in a layer with a large share save the most.";
  bars.choose = "Policy of";
  bars.scrolls = true;
  out += charts.bit_bars(bars, bits);
  return out + figures(step, charts) + rank_section(step) +
         "<h3>Trials</h3>\n<p>Click a head to sort by that column.</p>\n" +
         trial_table(step, max_rows) + "</section>\n";
}

std::string models_section(const StepData& step, Charts& charts) {
  const bool trains = !step.epochs.empty();
  std::string out = heading(step, trains ? "Trained models" : "Models");
  if (step.trials.empty()) return out + "<p>No model yet.</p>\n</section>\n";
  out +=
      "<p>The result. Accuracy and loss are those of the test images unless the head says "
      "otherwise. Lines in italics were not trained: they only tell what uniform widths would "
      "cost.</p>\n" +
      model_table(step);
  if (step.trials.size() > 1) {  // one model is no comparison, even with baselines
    ChartSlot scatter;
    scatter.id = "models-" + step.row.name;
    scatter.title = "Accuracy and cost";
    scatter.text =
        "Each mark is a model; up and to the left is better when the cost is on the "
        "horizontal axis.";
    scatter.legend = scatter_legend(step);
    scatter.choose = "Show";
    out += charts.scatters(scatter, scatters_of(step));
  }
  std::vector<CurveChart> all = curves_of(step);
  if (all.empty()) return out + "</section>\n";
  ChartSlot loss;
  loss.id = "loss-" + step.row.name;
  loss.title = "Training loss";
  loss.text =
      "What training minimizes, averaged over each epoch (one pass over the training "
      "images).";
  loss.legend = curve_legend(all, "model ");
  ChartSlot validation;
  validation.id = "validation-" + step.row.name;
  validation.title = "Validation";
  validation.text = "Measured on images that are not trained with.";
  validation.choose = "Show";
  const bool has_loss = all.front().y.metric.empty();
  if (!has_loss) loss.title = all.front().y.label;
  out += "<div class=\"pair\">\n" + charts.curves(loss, {all.front()});
  all.erase(all.begin());
  validation.legend = curve_legend(all, "model ");
  out += charts.curves(validation, all) + "</div>\n";
  return out + "</section>\n";
}

}  // namespace deneb::reports
