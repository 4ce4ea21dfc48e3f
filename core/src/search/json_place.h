#pragma once

#include <deneb/errors.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace deneb::detail {

/// Says where in which file something is wrong.
class Place {
 public:
  explicit Place(std::string text) : text_(std::move(text)) {}
  Place at(const std::string& part) const { return Place(text_ + ": " + part); }
  [[noreturn]] void fail(const std::string& what) const { throw DataError(text_ + ": " + what); }
  const nlohmann::ordered_json& member(const nlohmann::ordered_json& object, const char* key,
                                       nlohmann::ordered_json::value_t type,
                                       const char* type_name) const {
    if (!object.is_object() || !object.contains(key)) fail(std::string("has no \"") + key + "\"");
    const nlohmann::ordered_json& value = object.at(key);
    if (value.type() != type) fail(std::string("\"") + key + "\" is no " + type_name);
    return value;
  }
  double number(const nlohmann::ordered_json& value) const {
    const double number = value.is_number() ? value.get<double>() : std::nan("");
    if (!std::isfinite(number)) fail("is " + value.dump() + ", expected a finite number");
    return number;
  }

 private:
  std::string text_;
};

}  // namespace deneb::detail
