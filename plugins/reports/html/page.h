#pragma once

#include <optional>
#include <string>

#include "task_data.h"

namespace deneb::reports {

/// Source texts of the chart library, from one folder.
struct VegaFiles {
  std::string vega, vega_lite, vega_embed, licenses;
};

struct PageOptions {
  std::optional<VegaFiles> vega;  ///< unset: charts are drawn here, as SVG
  std::size_t max_rows = 0;       ///< of a trial table; 0 = all
};

/// The whole page. The same data give the same bytes.
std::string page(const TaskData& task, const PageOptions& options);

}  // namespace deneb::reports
