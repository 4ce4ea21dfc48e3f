#include <deneb/pipeline/console_table.h>

#include <algorithm>
#include <cstdlib>

#include "pipeline/text_width.h"

namespace deneb {
namespace {

using Row = std::vector<std::string>;

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

bool is_number(const std::string& text) {
  if (text.empty()) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return *end == '\0' && text.back() != ' ';
}

struct Column {
  std::size_t width = 0;
  bool right = false;
};

std::vector<Column> measure(const Row& header, const std::vector<Row>& rows) {
  std::vector<Column> columns(header.size());
  for (std::size_t c = 0; c < header.size(); ++c) {
    bool numbers = true, any = false;
    columns[c].width = detail::text_width(header[c]);
    for (const Row& row : rows) {
      columns[c].width = std::max(columns[c].width, detail::text_width(row[c]));
      any |= !row[c].empty();
      numbers &= row[c].empty() || is_number(row[c]);
    }
    columns[c].right = numbers && any;
  }
  return columns;
}

void append_row(std::string& out, const Row& row, const std::vector<Column>& columns) {
  std::string line;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string gap(columns[c].width - detail::text_width(row[c]), ' ');
    if (c > 0) line += "  ";
    line += columns[c].right ? gap + row[c] : row[c] + gap;
  }
  out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

}  // namespace

std::string console_table(const std::vector<std::string>& header,
                          const std::vector<std::vector<std::string>>& rows, std::size_t max_rows) {
  const std::size_t shown = max_rows == 0 ? rows.size() : std::min(max_rows, rows.size());
  Row top;
  for (const std::string& cell : header) top.push_back(one_line(cell));
  std::vector<Row> body;
  for (std::size_t r = 0; r < shown; ++r) {
    Row row(header.size());
    for (std::size_t c = 0; c < std::min(row.size(), rows[r].size()); ++c) {
      row[c] = one_line(rows[r][c]);
    }
    body.push_back(std::move(row));
  }
  const std::vector<Column> columns = measure(top, body);
  Row rule;
  for (const Column& column : columns) rule.push_back(std::string(column.width, '-'));

  std::string out;
  append_row(out, top, columns);
  append_row(out, rule, columns);
  for (const Row& row : body) append_row(out, row, columns);
  if (shown < rows.size()) {
    out += "... and " + std::to_string(rows.size() - shown) + " more\n";
  }
  return out;
}

}  // namespace deneb
