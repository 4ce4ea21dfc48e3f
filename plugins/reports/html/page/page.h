#pragma once

#include <string>

#include "task_data.h"

namespace deneb::reports {

/// The whole page. The same data give the same bytes.
std::string page(const TaskData& task);

}  // namespace deneb::reports
