#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace deneb::reports {

/// Text for HTML content and quoted attributes. Bytes that are no UTF-8 become U+FFFD, control
/// characters other than line breaks and tabs are dropped.
std::string html(const std::string& text);

/// JSON for a <script type="application/json"> element: no '<', '>' or '&' is left in it, so that
/// neither "</script" nor "<!--" can end or change the element.
std::string script_json(const nlohmann::ordered_json& json);

/// JavaScript source for a <script> element: "</script" and "<!--", which may stand in its string
/// and regular expression literals only, are written with a backslash.
std::string script_source(const std::string& source);

}  // namespace deneb::reports
