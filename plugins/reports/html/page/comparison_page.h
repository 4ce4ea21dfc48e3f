#pragma once

#include <string>

#include "comparison.h"

namespace deneb::reports {

/// Several tasks on one HTML page that needs no other file.
std::string comparison_page(const Comparison& comparison);

}  // namespace deneb::reports
