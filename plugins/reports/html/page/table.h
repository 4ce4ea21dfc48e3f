#pragma once

#include <optional>
#include <string>
#include <vector>

#include "task_data.h"

/// Parts of tables, as HTML.
namespace deneb::reports {

struct Column {
  std::string title;
  bool number = false;
  std::string about;  ///< tooltip of the head
};

/// `narrow`: no wider than its content.
std::string open_table(const std::string& caption, const std::vector<Column>& columns,
                       bool sortable, bool narrow = false);
std::string close_table();

std::string text_cell(const std::string& text);
/// `key`: what the column is sorted by, and the tooltip. `more`: small, behind the text.
std::string number_cell(std::optional<double> key, const std::string& text,
                        const std::string& more = "");
std::string metric_cell(const ResultRow& trial, const std::string& name,
                        const std::string& more = "");
std::string message_cell(const std::string& message);
std::string seconds_cell(const ResultRow& trial);

/// Messages have a column where there are any.
bool any_message(const StepData& step);
/// Objectives first, then the two costs that tell most, then the other metrics of the trials.
std::vector<std::string> metric_order(const StepData& step);
/// Says which rows a table shows that does not show all; "" if it does.
std::string cut_note(const StepData& step);

}  // namespace deneb::reports
