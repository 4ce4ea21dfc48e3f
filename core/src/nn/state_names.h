#pragma once

#include <string>

namespace deneb::detail {

/// Is it the name of a parameter or buffer of a quantizer?
inline bool is_quantizer_state(const std::string& name) {
  return name.find("weight_quantizer.") != std::string::npos ||
         name.find("input_quantizer.") != std::string::npos;
}

}  // namespace deneb::detail
