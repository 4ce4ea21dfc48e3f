#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// A table as plain text, columns two spaces apart, under a header with a rule; every line ends
/// with '\n'. Columns whose cells are all numbers (or empty) are aligned to the right. Control
/// characters in cells, line breaks among them, become spaces; widths count UTF-8 characters. Rows
/// that are too short are filled up with empty cells, cells beyond the header are dropped.
/// `max_rows`: 0 = all; else so many rows, and a last line that says how many were left out.
DENEB_API std::string console_table(const std::vector<std::string>& header,
                                    const std::vector<std::vector<std::string>>& rows,
                                    std::size_t max_rows = 0);

}  // namespace deneb
