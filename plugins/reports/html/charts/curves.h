#pragma once

#include <string>
#include <utility>
#include <vector>

#include "charts/axis.h"
#include "task_data.h"

namespace deneb::reports {

struct Curve {
  std::string label;
  bool baseline = false;
  std::vector<std::pair<double, double>> points;  ///< (x, y), say epoch and value
};

struct CurveChart {
  std::string title;
  Axis x, y;
  std::vector<Curve> curves;
  std::vector<LayerFacts> places = {};  ///< what stands at x = 0, 1, ...; empty: x is a number
  bool whole = true;                    ///< x counts something: no fractions on its axis
  bool wide = false;                    ///< has the width of the page to itself
  bool joined = true;                   ///< lines between the points; false: dots alone
};

/// Models whose curves are drawn: the baselines, then the best ones.
constexpr std::size_t kMostCurves = 40;

/// Training loss, then each validation metric, over the epochs of a training step's models.
std::vector<CurveChart> curves_of(const StepData& step);

/// A figure that the step's search asked for.
struct StepFigure {
  std::string text;  ///< plain text
  CurveChart chart;
};
/// Those of the step that have points.
std::vector<StepFigure> figures_of(const StepData& step);

std::string svg_curves(const CurveChart& chart);

}  // namespace deneb::reports
