#include "comparison_files.h"

#include "csv.h"
#include "text.h"
#include "trial_facts.h"

namespace deneb::reports {
namespace {

/// No text may end a cell, begin HTML or a link, or be taken for emphasis.
std::string markdown(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string("|\\`*_<>[]").find(c) != std::string::npos) escaped += '\\';
    escaped += c == '\n' || c == '\r' ? ' ' : c;
  }
  return escaped;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += " " + cell + " |";
  return row + "\n";
}

std::string markdown_table(const ComparisonTable& table) {
  std::vector<std::string> heads, lines;
  for (const ComparisonColumn& column : table.columns) {
    heads.push_back(markdown(column.title));
    lines.push_back(column.number ? "---:" : "---");
  }
  std::string out = "## " + markdown(table.title) + "\n\n" + markdown(table.text) + "\n\n" +
                    markdown_row(heads) + markdown_row(lines);
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const ComparisonCell& cell : row) cells.push_back(markdown(cell.text));
    out += markdown_row(cells);
  }
  return out + "\n";
}

std::string markdown_list(const std::string& head, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string out = head + "\n\n";
  for (const std::string& line : lines) out += "- " + markdown(line) + "\n";
  return out + "\n";
}

}  // namespace

std::string comparison_csv(const ComparisonTable& table) {
  std::vector<std::string> cells;
  for (const ComparisonColumn& column : table.columns) cells.push_back(column.key);
  std::string out = csv_row(cells);
  for (const auto& row : table.rows) {
    cells.clear();
    for (const ComparisonCell& cell : row) {
      cells.push_back(cell.value ? exact_text(*cell.value) : cell.text);
    }
    out += csv_row(cells);
  }
  return out;
}

std::string comparison_markdown(const Comparison& comparison,
                                const std::vector<ComparisonTable>& tables) {
  std::string out = "# " + markdown(comparison.network) + " on " + markdown(comparison.dataset) +
                    ", by " + markdown(metric_label(comparison.cost)) + "\n\n";
  out += markdown_list("**The tasks do not agree:**", comparison.disagreements);
  out += markdown_list("Their trainings differ:", comparison.trainings);
  out += markdown_list("Beside that:", comparison.notes);
  for (const ComparisonTable& table : tables) {
    if (table.name != "models" && table.name != "widths") out += markdown_table(table);
  }
  return out;
}

}  // namespace deneb::reports
