#pragma once

#include <initializer_list>
#include <optional>
#include <string>

namespace deneb::networks {

bool starts_with(const std::string& text, const std::string& start);
bool ends_with(const std::string& text, const std::string& end);

/// `name` is LIST.NUMBER.REST: the number and the rest.
struct ListEntry {
  std::string number, rest;
};
std::optional<ListEntry> entry_of(const std::string& name, const std::string& list);

/// `name` with `root.` before it, if it begins with one of `parts` ("encoder.") and so lacks it.
std::string rooted(std::string name, const std::string& root,
                   std::initializer_list<const char*> parts);

}  // namespace deneb::networks
