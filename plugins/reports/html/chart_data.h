#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "axis.h"
#include "task_data.h"

/// What the charts show, without how: svg_charts and vega_charts draw the same from it.
namespace deneb::reports {

struct ScatterPoint {
  enum class Kind { kTrial, kFront, kBaseline, kFailed };
  Kind kind = Kind::kTrial;
  std::string row;      ///< id of its row in a table of the page
  double x = 0, y = 0;  ///< in the units of the axes
  std::string label;    ///< beside the mark; "" = none, also where it would cover another one
  std::string tooltip;
};

struct Scatter {
  std::string title;  ///< says what is seen, for people who cannot see it
  Axis x, y;
  std::vector<ScatterPoint> points;  ///< front members last: they are drawn above the others
  /// The steps that bound what the front reaches; empty unless there are two objectives.
  std::vector<std::pair<double, double>> front;
};

/// One chart per pair of objectives; trials against the only objective if there is one.
std::vector<Scatter> scatters_of(const StepData& step);

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
};

/// Training loss, then each validation metric, over the epochs of a training step's models.
std::vector<CurveChart> curves_of(const StepData& step);

/// A figure that the step's search asked for.
struct StepFigure {
  std::string text;  ///< plain text
  CurveChart chart;
};
/// Those of the step that have points.
std::vector<StepFigure> figures_of(const StepData& step);

/// Tooltip of a point of a curve.
std::string point_tip(const CurveChart& chart, const Curve& curve,
                      const std::pair<double, double>& point);

/// Bits per layer of several policies, in the order of StepData::front or of the models.
struct BitRow {
  std::int64_t id = 0;
  std::string label;  ///< "12 · 91.2 % · 0.65 G"
  std::string tooltip;
  std::vector<LayerBits> layers;
};

struct BitChart {
  std::string title;
  std::vector<LayerFacts> layers;
  std::vector<BitRow> rows;
};

/// All members of the front, cheapest first.
BitChart bits_of_front(const StepData& step);
/// One of its rows as a chart of its own.
BitChart single_row(const BitChart& chart, std::size_t row);

/// Pixels: the texts left of the rows, and a column.
double label_width(const BitChart& chart);
constexpr double kLaneNames = 130;  ///< left of the bars of one policy
double cell_width(std::size_t layers);
/// Of a place below curves: as above, but a few of them fill a chart too.
double place_width(std::size_t places);

/// CSS class suffix of a width: "1" .. "8", "16" for 9..16 bits, "32" for float, "0" for unknown.
std::string width_class(int bits);
/// What stands in a cell: "4", "e4m3", "f" for float32.
std::string width_text(const std::string& word, int bits);

}  // namespace deneb::reports
