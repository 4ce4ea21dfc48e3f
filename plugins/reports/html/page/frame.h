#pragma once

#include <nlohmann/json.hpp>
#include <string>

/// What all pages begin and end with.
namespace deneb::reports {

/// Up to and with <body>. `title`: plain text.
std::string page_head(const std::string& title);
/// From the data for programs (`JSON.parse` of the element with id "deneb-data") to </html>.
std::string page_end(const nlohmann::ordered_json& data);

}  // namespace deneb::reports
