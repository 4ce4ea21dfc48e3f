#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace deneb::quant_ea {

/// Runs a statement and returns the message of the std::invalid_argument that it must throw.
template <typename Statement>
std::string message_of(Statement statement) {
  try {
    statement();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << "no std::invalid_argument was thrown";
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace deneb::quant_ea
