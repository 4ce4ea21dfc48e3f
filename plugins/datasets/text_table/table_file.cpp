#include "table_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include <deneb/errors.h>
#include <deneb/io/files.h>
#include <deneb/io/json.h>

#include "../common/unicode.h"

namespace deneb::text_table {
namespace {

[[noreturn]] void fail_at(const std::string& file, std::int64_t line, const std::string& what) {
  throw DataError(file + ":" + std::to_string(line) + ": " + what);
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

// Cuts a file of separated fields into rows.
class RowReader {
 public:
  RowReader(const std::string& file, std::string_view bytes, char separator, bool quoted)
      : file_(file), bytes_(bytes), separator_(separator), quoted_(quoted) {}

  /// False at the end. Empty lines are skipped.
  bool next(std::vector<std::string>& fields) {
    while (position_ < bytes_.size() && at_line_end()) end_line();
    if (position_ >= bytes_.size()) return false;
    row_line_ = line_;
    fields.clear();
    do {
      fields.push_back(quoted_ && here() == '"' ? quoted_field() : plain_field());
    } while (take_separator());
    if (position_ < bytes_.size()) end_line();
    return true;
  }

  std::int64_t line() const { return row_line_; }

 private:
  char here() const { return position_ < bytes_.size() ? bytes_[position_] : '\0'; }
  bool at_line_end() const {
    return here() == '\n' ||
           (here() == '\r' && position_ + 1 < bytes_.size() && bytes_[position_ + 1] == '\n');
  }
  void end_line() {
    position_ = std::min(bytes_.find('\n', position_), bytes_.size() - 1) + 1;
    ++line_;
  }
  bool take_separator() {
    if (position_ >= bytes_.size() || bytes_[position_] != separator_) return false;
    ++position_;
    return true;
  }

  std::string plain_field() {
    const std::size_t start = position_;
    while (position_ < bytes_.size() && bytes_[position_] != separator_ && !at_line_end()) {
      ++position_;
    }
    return std::string(bytes_.substr(start, position_ - start));
  }

  std::string quoted_field() {
    std::string field;
    for (++position_; position_ < bytes_.size(); ++position_) {
      if (bytes_[position_] == '\n') ++line_;
      if (bytes_[position_] != '"') {
        field += bytes_[position_];
        continue;
      }
      if (position_ + 1 < bytes_.size() && bytes_[position_ + 1] == '"') {
        ++position_;
        field += '"';
        continue;
      }
      ++position_;
      if (position_ < bytes_.size() && bytes_[position_] != separator_ && !at_line_end()) {
        fail_at(file_, line_,
                "text goes on behind a closing quote; write quotes within a quoted field twice, or "
                "set quoting to \"none\"");
      }
      return field;
    }
    fail_at(file_, row_line_,
            "a quote that begins here is not closed; close it, or set quoting to \"none\"");
  }

  const std::string& file_;
  std::string_view bytes_;
  char separator_;
  bool quoted_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1, row_line_ = 1;
};

void read_separated(const std::string& file, std::string_view bytes, const TableLayout& layout,
                    const std::vector<std::string>& columns, const TableVisit& visit) {
  RowReader reader(file, bytes, layout.format == TableFormat::kTsv ? '\t' : ',', layout.quoted);
  std::vector<std::string> names = layout.columns, row;
  if (names.empty() && !reader.next(names)) {
    throw DataError(file + ": is empty, expected a first line with the names of the columns");
  }
  std::vector<std::size_t> places;
  for (const std::string& column : columns) {
    const auto found = std::find(names.begin(), names.end(), column);
    if (found == names.end()) {
      fail_at(file, 1, "no column '" + column + "'; there are " + list_text(names));
    }
    places.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  std::vector<std::string> fields(columns.size());
  while (reader.next(row)) {
    if (row.size() != names.size()) {
      fail_at(file, reader.line(),
              std::to_string(row.size()) + " fields, expected " + std::to_string(names.size()) +
                  " as there are columns (" + list_text(names) +
                  "); check the options format and quoting");
    }
    for (std::size_t i = 0; i < places.size(); ++i) fields[i] = row[places[i]];
    visit(reader.line(), fields);
  }
}

void read_json_lines(const std::string& file, std::string_view bytes,
                     const std::vector<std::string>& columns, const TableVisit& visit) {
  std::vector<std::string> fields(columns.size());
  std::int64_t line = 0;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    const std::string text = text::valid_utf8(bytes.substr(start, end - start));
    start = end + 1;
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto row = parse_json(text);
    if (!row.is_object()) fail_at(file, line, "is no JSON object");
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto found = row.find(columns[i]);
      if (found == row.end()) fail_at(file, line, "has no '" + columns[i] + "'");
      if (!found->is_string() && !found->is_number()) {
        fail_at(file, line, "'" + columns[i] + "' is neither text nor number");
      }
      fields[i] = found->is_string() ? found->get<std::string>() : found->dump();
    }
    visit(line, fields);
  }
}

}  // namespace

void read_table(const std::string& file, const TableLayout& layout,
                const std::vector<std::string>& columns, const TableVisit& visit) {
  const std::string bytes = read_file(file);
  std::string_view rest = bytes;
  if (rest.substr(0, 3) == "\xEF\xBB\xBF") rest.remove_prefix(3);
  if (layout.format == TableFormat::kJsonLines) {
    read_json_lines(file, rest, columns, visit);
  } else {
    read_separated(file, rest, layout, columns, visit);
  }
}

}  // namespace deneb::text_table
