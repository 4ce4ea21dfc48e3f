#pragma once

namespace deneb::reports {

extern const char* const kStyle;   ///< report.css: the page and the charts
extern const char* const kScript;  ///< report.js: sorting of tables, choice of views

}  // namespace deneb::reports
