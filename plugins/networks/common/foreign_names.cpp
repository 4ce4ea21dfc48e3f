#include "foreign_names.h"

#include <algorithm>
#include <cctype>

namespace deneb::networks {

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::optional<ListEntry> entry_of(const std::string& name, const std::string& list) {
  if (!starts_with(name, list + ".")) return std::nullopt;
  const std::size_t begin = list.size() + 1, dot = name.find('.', begin);
  if (dot == std::string::npos || dot == begin) return std::nullopt;
  const std::string number = name.substr(begin, dot - begin);
  const bool digits = std::all_of(number.begin(), number.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c));
  });
  if (!digits) return std::nullopt;
  return ListEntry{number, name.substr(dot + 1)};
}

std::string rooted(std::string name, const std::string& root,
                   std::initializer_list<const char*> parts) {
  const bool lacks = std::any_of(parts.begin(), parts.end(),
                                 [&](const char* part) { return starts_with(name, part); });
  return lacks ? root + "." + name : name;
}

}  // namespace deneb::networks
