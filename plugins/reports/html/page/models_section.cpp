#include "charts/curves.h"
#include "page/legends.h"
#include "page/sections.h"
#include "page/table.h"
#include "page/tables.h"
#include "text.h"

namespace deneb::reports {
namespace {

/// Curves of the training loss and of the validation metrics, side by side.
std::string curve_figures(const StepData& step) {
  std::vector<CurveChart> all = curves_of(step);
  if (all.empty()) return "";
  const std::string cut = step.epochs.size() <= kMostCurves
                              ? ""
                              : " Drawn are the baselines and the best models, " +
                                    std::to_string(kMostCurves) + " of " +
                                    count_text(step.epochs.size()) + ".";
  ChartSlot loss;
  loss.id = "loss-" + step.row.name;
  loss.title = all.front().y.metric.empty() ? "Training loss" : all.front().y.label;
  loss.text =
      "What training minimizes, averaged over each epoch (one pass over the training images)." +
      cut;
  loss.legend = curve_legend(all, "model ");
  ChartSlot validation;
  validation.id = "validation-" + step.row.name;
  validation.title = "Validation";
  validation.text = "Measured on images that are not trained with." + cut;
  validation.choose = "Show";
  std::string out =
      "<div class=\"pair\">\n" + figure(loss, {{loss.title, svg_curves(all.front())}});
  all.erase(all.begin());
  validation.legend = curve_legend(all, "model ");
  std::vector<View> views;
  for (const CurveChart& chart : all) views.push_back({chart.y.label, svg_curves(chart)});
  return out + figure(validation, views) + "</div>\n";
}

}  // namespace

std::string models_section(const StepData& step) {
  const bool trains = !step.epochs.empty();
  std::string out = open_section(step, trains ? "Trained models" : "Models");
  if (step.trials.empty()) return out + "<p>No model yet.</p>\n</section>\n";
  out +=
      "<p>The result. Accuracy and loss are those of the test images unless the head says "
      "otherwise. Lines in italics were not trained: they only tell what uniform widths would "
      "cost. Small numbers behind a cost say how many times less it is than in float32.</p>\n" +
      cut_note(step) + model_table(step);
  if (step.trials.size() > 1) {  // one model is no comparison, even with baselines
    ChartSlot scatter;
    scatter.id = "models-" + step.row.name;
    scatter.title = "Accuracy and cost";
    scatter.text =
        "Each mark is a model; up and to the left is better when the cost is on the "
        "horizontal axis.";
    out += scatter_figure(step, scatter);
  }
  return out + curve_figures(step) + "</section>\n";
}

}  // namespace deneb::reports
