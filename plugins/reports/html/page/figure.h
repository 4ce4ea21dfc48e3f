#pragma once

#include <string>
#include <vector>

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

struct View {
  std::string label, svg;
  std::string note = {};  ///< plain text below it; may be empty
};

/// "" without views.
std::string figure(const ChartSlot& slot, const std::vector<View>& views);

}  // namespace deneb::reports
