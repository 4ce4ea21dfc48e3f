#include "options/field_text.h"

#include <cmath>

namespace deneb::detail {
namespace {

std::string number_text(double number) {
  if (std::floor(number) == number && std::abs(number) < 1e16) {
    return std::to_string(static_cast<std::int64_t>(number));
  }
  return nlohmann::json(number).dump();
}

/// Long values would hide the message.
std::string short_dump(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() <= kLongest) return text;
  std::size_t cut = kLongest;
  while ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // not inside a character
  return text.substr(0, cut) + "...";
}

}  // namespace

std::string range_text(const Range& range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  if (low && high) return number_text(range.low) + " .. " + number_text(range.high);
  if (low) return ">= " + number_text(range.low);
  if (high) return "<= " + number_text(range.high);
  return "";
}

std::string one_of_text(const std::vector<std::string>& names) {
  std::string text = "one of ";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text;
}

std::string type_name(const FieldRef& ref) {
  using Text = std::string;
  return std::visit(
      Overloaded{[](bool*) { return Text("boolean"); }, [](int*) { return Text("integer"); },
                 [](std::int64_t*) { return Text("integer"); },
                 [](double*) { return Text("number"); },
                 [](std::string*) { return Text("string"); },
                 [](std::vector<int>*) { return Text("list of integers"); },
                 [](std::vector<double>*) { return Text("list of numbers"); },
                 [](std::vector<std::string>*) { return Text("list of strings"); },
                 [](Words*) { return Text("string or list of strings"); },
                 [](std::optional<int>*) { return Text("integer or null"); },
                 [](std::optional<double>*) { return Text("number or null"); },
                 [](std::map<std::string, std::string>*) { return Text("object of strings"); },
                 [](nlohmann::json*) { return Text("any JSON value"); },
                 [](const FileRef& file) {
                   return *file.kind ? "path or step:" + Text(file.kind) : Text("path");
                 },
                 [](const GroupRef&) { return Text("group"); },
                 [](const GroupListRef&) { return Text("list of groups"); },
                 [](const PluginRef& plugin) { return plugin.kind + Text(" plugin"); }},
      ref);
}

std::string found_text(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::null:
      return "null";
    case nlohmann::json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case nlohmann::json::value_t::string:
      return "string " + short_dump(value);
    case nlohmann::json::value_t::array:
      return value.empty() ? "an empty list" : "list " + short_dump(value);
    case nlohmann::json::value_t::object:
      return value.empty() ? "an empty object" : "an object";
    case nlohmann::json::value_t::number_float:
      if (!std::isfinite(value.get<double>())) return "a number that is not finite";
      return "number " + short_dump(value);
    default:
      return "number " + short_dump(value);
  }
}

nlohmann::ordered_json plain_value(const FieldRef& ref) {
  return std::visit(
      Overloaded{[](const FileRef& file) { return nlohmann::ordered_json(*file.path); },
                 [](const GroupRef&) { return nlohmann::ordered_json(); },
                 [](const GroupListRef&) { return nlohmann::ordered_json(); },
                 [](const PluginRef&) { return nlohmann::ordered_json(); },
                 [](Words* member) {
                   const auto& list = member->list;
                   return list.size() == 1 ? nlohmann::ordered_json(list.front())
                                           : nlohmann::ordered_json(list);
                 },
                 [](std::optional<int>* member) {
                   return *member ? nlohmann::ordered_json(**member) : nlohmann::ordered_json();
                 },
                 [](std::optional<double>* member) {
                   return *member ? nlohmann::ordered_json(**member) : nlohmann::ordered_json();
                 },
                 [](auto* member) { return nlohmann::ordered_json(*member); }},
      ref);
}

}  // namespace deneb::detail
