#include "page/figure.h"

#include "escape.h"

namespace deneb::reports {

std::string figure(const ChartSlot& slot, const std::vector<View>& views) {
  if (views.empty()) return "";
  std::string out = "<figure class=\"figure\" id=\"" + html(slot.id) + "\">\n<figcaption><h3>" +
                    html(slot.title) + "</h3>\n";
  if (!slot.text.empty()) out += "<p>" + slot.text + "</p>";
  out += "</figcaption>\n";
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
  out += "<div class=\"plot" + std::string(slot.scrolls ? " scrolls" : "") + "\" id=\"" +
         html(plot) + "\"" + (slot.scrolls ? " tabindex=\"0\"" : "") + ">";
  for (std::size_t i = 0; i < views.size(); ++i) {
    out += "<div class=\"view\"" + std::string(i > 0 ? " hidden" : "") + ">\n" + views[i].svg;
    if (!views[i].note.empty()) out += "<p class=\"note\">" + html(views[i].note) + "</p>\n";
    out += "</div>\n";
  }
  return out + "</div>\n</figure>\n";
}

}  // namespace deneb::reports
