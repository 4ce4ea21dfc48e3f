#pragma once

#include <string>
#include <vector>

namespace deneb::reports {

/// A row of CSV with its line end. Quoting as in RFC 4180: cells with a comma, a quote or a line
/// break stand in quotes, quotes are doubled.
std::string csv_row(const std::vector<std::string>& cells);

}  // namespace deneb::reports
