#pragma once

#include <string>
#include <vector>

/// Names of rows and sources that a reader can tell apart.
namespace deneb::reports {

/// The name that tasks of one group share: without "_s1", "-seed2".
std::string group_label(const std::vector<std::string>& names);

/// Origins may be whole formulas: what a head has room for.
std::string shortened(const std::string& name);

/// Names that occur more than once get, in brackets, the first of these words that differs, and the
/// next one if need be; a number in the end.
void tell_apart(std::vector<std::vector<std::string>> words, std::vector<std::string>& names);

}  // namespace deneb::reports
