#pragma once

#include <string>

namespace deneb::detail {

/// Up to seven significant digits, for people.
std::string number_text(double value);

}  // namespace deneb::detail
