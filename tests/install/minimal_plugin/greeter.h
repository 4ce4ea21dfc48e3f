#pragma once

#include <string>

/// A kind of the project's own: the registry takes any.
class Greeter {
 public:
  static constexpr const char* kKind = "greeter";
  virtual ~Greeter() = default;
  virtual std::string greet(const std::string& name) = 0;
};
