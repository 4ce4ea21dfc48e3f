#pragma once

#include <functional>
#include <string>
#include <vector>

namespace deneb::text_table {

enum class TableFormat { kTsv, kCsv, kJsonLines };

struct TableLayout {
  TableFormat format = TableFormat::kTsv;
  bool quoted = false;  ///< fields may stand in double quotes (RFC 4180); not JSON lines
  std::vector<std::string> columns;  ///< empty = the first line names them; not JSON lines
};

/// One row; `fields` in the order of the columns that were asked for. `line`: where the row begins,
/// counted from 1.
using TableVisit = std::function<void(std::int64_t line, const std::vector<std::string>& fields)>;

/// Reads a table row by row. Fields are UTF-8; ill-formed parts of JSON lines count as U+FFFD,
/// those of the other formats are passed on. A byte order mark and empty lines are skipped; lines
/// may end in CR LF. Numbers of JSON lines are given as they are written.
///
/// DataError with file and line for a missing column, a row with another number of fields than
/// there are columns, a quote that is not closed or not alone, and lines that are no JSON object or
/// whose field is neither text nor number.
void read_table(const std::string& file, const TableLayout& layout,
                const std::vector<std::string>& columns, const TableVisit& visit);

}  // namespace deneb::text_table
