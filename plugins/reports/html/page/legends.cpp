#include "page/legends.h"

#include <set>

#include "charts/heat_map.h"
#include "escape.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

std::string swatch(const std::string& css, const std::string& words) {
  return "<span class=\"key\"><i class=\"" + css + "\"></i>" + html(words) + "</span> ";
}

std::string colors(int from, int to) {
  std::string out = "<span>";
  for (int level = from; level < to; ++level) {
    out += "<i class=\"h" + std::to_string(level) + "\"></i>";
  }
  return out + "</span>";
}

}  // namespace

std::string scatter_legend(const StepData& step) {
  bool failed = false, baseline = false, plain = false;
  for (const ResultRow& trial : step.trials) {
    const bool bad = trial.status != "finished" && trial.status != "running";
    failed = failed || bad;
    baseline = baseline || (!step.search && is_baseline(trial));
    plain = plain || (step.search && !bad && !trial.front);
  }
  std::string out;
  if (step.search) {
    if (!step.front.empty()) {
      out += swatch("dot-front", step.pareto ? "Pareto front" : "result of the search");
    }
    if (plain) out += swatch("dot-trial", step.front.empty() ? "trials" : "other trials");
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

std::string series_legend(const std::vector<std::pair<std::string, std::string>>& series) {
  std::string out;
  for (const auto& [css, words] : series) out += swatch("line " + css, words);
  return out;
}

std::string heat_legend(const HeatMap& map) {
  const HeatScale scale = heat_scale(map);
  bool gaps = false;
  for (const auto& row : map.values) {
    for (const double value : row) gaps = gaps || !is_measured(value);
  }
  std::string out;
  if (!scale.empty) {
    // From weak to strong colors.
    const double weak = map.lower_is_better ? scale.low : scale.high;
    const double strong = map.lower_is_better ? scale.high : scale.low;
    const int middle = HeatScale::kLevels / 2;
    out += html(map.value_label) + " <span class=\"ramp\">" + html(si_text(weak)) + " (better) " +
           colors(0, middle) + html(si_text(scale.middle())) + colors(middle, HeatScale::kLevels) +
           html(si_text(strong)) + " (worse)</span> ";
    if (scale.logarithmic) out += "<span>logarithmic</span> ";
  }
  return out + (gaps ? swatch("square hnone", "not measured") : "");
}

}  // namespace deneb::reports
