#pragma once

#include <stdexcept>
#include <string>

namespace deneb::quant_ea {

/// std::invalid_argument in the name of the algorithm.
[[noreturn]] inline void reject(const std::string& text) {
  throw std::invalid_argument("NSGA-III: " + text);
}

}  // namespace deneb::quant_ea
