#pragma once

namespace deneb::reports {

extern const char* const kStyle;   ///< CSS of the page and of the SVG charts
extern const char* const kScript;  ///< sorting of tables, choice of views, start of Vega

}  // namespace deneb::reports
