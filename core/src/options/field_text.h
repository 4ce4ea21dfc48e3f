#pragma once

#include <deneb/options/options.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// Wording that the reader, the tables and the schema share.
namespace deneb::detail {

/// Lambdas as one visitor of a variant.
template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

/// Levels of groups that tables and schemas describe.
constexpr int kMaxGroupDepth = 8;

/// "4 .. 100000", ">= 4", "<= 9", or "" without limits.
std::string range_text(const Range& range);

/// "one of a, b"; `names` must not be empty.
std::string one_of_text(const std::vector<std::string>& names);

/// "integer", "list of numbers", "dataset plugin", "group", ...
std::string type_name(const FieldRef& ref);

/// What a JSON value is, for "got ..." in messages: `string "ten"`, `number 2.5`, `an object`.
std::string found_text(const nlohmann::json& value);

/// JSON of a plain field (no group, list of groups or plugin).
nlohmann::ordered_json plain_value(const FieldRef& ref);

}  // namespace deneb::detail
