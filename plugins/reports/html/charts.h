#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chart_data.h"

namespace deneb::reports {

/// A chart on the page: heading, explanation, and one or more views to choose from.
struct ChartSlot {
  std::string id;        ///< unique on the page; letters, digits and '-'
  std::string title;     ///< plain text
  std::string text;      ///< HTML: how to read it
  std::string legend;    ///< HTML
  std::string choose;    ///< label of the selection between the views
  bool scrolls = false;  ///< keeps its size; its box scrolls
};

/// Draws all charts of a page in one of the two ways and keeps what the page's script needs.
class Charts {
 public:
  explicit Charts(bool vega) : vega_(vega) {}

  std::string scatters(const ChartSlot& slot, const std::vector<Scatter>& charts);
  std::string curves(const ChartSlot& slot, const std::vector<CurveChart>& charts);
  std::string bit_matrix(const ChartSlot& slot, const BitChart& chart);
  std::string bit_bars(const ChartSlot& slot, const BitChart& chart);

  /// Slot id -> list of specifications; empty in the SVG way.
  const nlohmann::ordered_json& specifications() const { return specifications_; }

 private:
  struct View {
    std::string label, svg;
    nlohmann::ordered_json vega;
  };
  std::string figure(const ChartSlot& slot, std::vector<View> views);

  bool vega_;
  nlohmann::ordered_json specifications_ = nlohmann::ordered_json::object();
};

}  // namespace deneb::reports
