#pragma once

#include <string>

#include "comparison_tables.h"

namespace deneb::reports {

/// Numbers are the shortest decimals that read back as the same double; cells without a value are
/// empty.
std::string comparison_csv(const ComparisonTable& table);

/// All tables but those of models and widths, with numbers for people, as GitHub renders them.
std::string comparison_markdown(const Comparison& comparison,
                                const std::vector<ComparisonTable>& tables);

}  // namespace deneb::reports
