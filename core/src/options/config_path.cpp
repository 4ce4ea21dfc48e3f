#include "options/config_path.h"

#include <algorithm>
#include <cctype>

namespace deneb::detail {
namespace {

/// More digits than any list has elements, and few enough for std::stoul.
constexpr std::size_t kMaxDigits = 9;

bool is_index(const std::string& text) {
  return !text.empty() && text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

bool PathSegment::index(std::size_t& index) const {
  if (!is_index(key)) return false;
  index = std::stoul(key);
  return true;
}

std::vector<PathSegment> split_path(const std::string& path, std::string& why) {
  std::vector<PathSegment> segments;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = std::min(path.find_first_of(".[", at), path.size());
    if (end == at) {
      why = at == 0 ? "it begins with no key" : "a key is empty";
      return {};
    }
    segments.push_back({path.substr(at, end - at), false});
    at = end;
    while (at < path.size() && path[at] == '[') {
      const std::size_t close = path.find(']', at);
      if (close == std::string::npos || !is_index(path.substr(at + 1, close - at - 1))) {
        why = "list elements are written [0], [1], ...";
        return {};
      }
      segments.push_back({path.substr(at + 1, close - at - 1), true});
      at = close + 1;
    }
    if (at >= path.size()) return segments;
    if (path[at] != '.') {
      why = "a '.' is missing after ']'";
      return {};
    }
    ++at;
  }
}

}  // namespace deneb::detail
