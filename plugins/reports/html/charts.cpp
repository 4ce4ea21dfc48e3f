#include "charts.h"

#include "escape.h"
#include "svg_charts.h"
#include "vega_charts.h"

namespace deneb::reports {

std::string Charts::figure(const ChartSlot& slot, std::vector<View> views) {
  if (views.empty()) return "";
  std::string out = "<figure class=\"figure\" id=\"" + html(slot.id) + "\">\n<figcaption><h3>" +
                    html(slot.title) + "</h3>\n<p>" + slot.text + "</p></figcaption>\n";
  const std::string plot = slot.id + "-plot";
  if (views.size() > 1) {
    out += "<p class=\"choice\"><label>" + html(slot.choose) + " <select data-plot=\"" +
           html(plot) + "\" autocomplete=\"off\">";
    for (std::size_t i = 0; i < views.size(); ++i) {
      out += "<option value=\"" + std::to_string(i) + "\">" + html(views[i].label) + "</option>";
    }
    out += "</select></label></p>\n";
  }
  if (!slot.legend.empty()) out += "<p class=\"legend\">" + slot.legend + "</p>\n";
  out += "<div class=\"plot" + std::string(slot.scrolls ? " scrolls" : "") +
         (vega_ ? " vega" : "") + "\" id=\"" + html(plot) + "\"" +
         (slot.scrolls ? " tabindex=\"0\"" : "") + ">";
  auto list = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (vega_) {
      list.push_back(std::move(views[i].vega));
    } else {
      out += "<div class=\"view\"" + std::string(i > 0 ? " hidden" : "") + ">\n" + views[i].svg +
             "</div>\n";
    }
  }
  if (vega_) {
    specifications_[plot] = std::move(list);
    out += "<noscript>This chart is drawn by a script; allow scripts for this file.</noscript>";
  }
  return out + "</div>\n</figure>\n";
}

std::string Charts::scatters(const ChartSlot& slot, const std::vector<Scatter>& charts) {
  std::vector<View> views;
  for (const Scatter& chart : charts) {
    views.push_back({chart.title, vega_ ? "" : svg_scatter(chart),
                     vega_ ? vega_scatter(chart) : nlohmann::ordered_json()});
  }
  return figure(slot, std::move(views));
}

std::string Charts::curves(const ChartSlot& slot, const std::vector<CurveChart>& charts) {
  std::vector<View> views;
  for (const CurveChart& chart : charts) {
    views.push_back({chart.y.label, vega_ ? "" : svg_curves(chart),
                     vega_ ? vega_curves(chart) : nlohmann::ordered_json()});
  }
  return figure(slot, std::move(views));
}

std::string Charts::bit_matrix(const ChartSlot& slot, const BitChart& chart) {
  if (chart.rows.empty() || chart.layers.empty()) return "";
  std::vector<View> views(1);
  if (vega_) {
    views[0].vega = vega_bit_matrix(chart);
  } else {
    views[0].svg = svg_bit_matrix(chart);
  }
  return figure(slot, std::move(views));
}

std::string Charts::bit_bars(const ChartSlot& slot, const BitChart& chart) {
  std::vector<View> views;
  for (std::size_t i = 0; i < chart.rows.size() && !chart.layers.empty(); ++i) {
    const BitChart single = single_row(chart, i);
    views.push_back({"trial " + chart.rows[i].label, vega_ ? "" : svg_bit_bars(single),
                     vega_ ? vega_bit_bars(single) : nlohmann::ordered_json()});
  }
  return figure(slot, std::move(views));
}

}  // namespace deneb::reports
