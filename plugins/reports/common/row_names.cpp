#include "row_names.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace deneb::reports {

std::string group_label(const std::vector<std::string>& names) {
  std::string label = names.front();
  for (const std::string& name : names) {
    std::size_t same = 0;
    while (same < std::min(label.size(), name.size()) && label[same] == name[same]) ++same;
    label.resize(same);
  }
  std::size_t end = label.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(label[end - 1]))) --end;
  for (const std::string word : {"seed", "s"}) {
    if (end < word.size() + 1 || label.compare(end - word.size(), word.size(), word) != 0) continue;
    const std::size_t at = end - word.size() - 1;
    if (label[at] == '_' || label[at] == '-' || label[at] == '.') label.resize(at);
    break;
  }
  while (!label.empty() && std::string("_-./").find(label.back()) != std::string::npos) {
    label.pop_back();
  }
  return label.empty() ? names.front() : label;
}

std::string shortened(const std::string& name) {
  constexpr std::size_t kLongest = 32;
  if (name.size() <= kLongest) return name;
  std::size_t end = kLongest - 3;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;  // whole letters
  return name.substr(0, end) + "...";
}

void tell_apart(std::vector<std::vector<std::string>> words, std::vector<std::string>& names) {
  words.emplace_back();
  for (std::size_t i = 0; i < names.size(); ++i) words.back().push_back(std::to_string(i + 1));
  for (const auto& word : words) {
    std::map<std::string, std::set<std::string>> words_of;
    for (std::size_t i = 0; i < names.size(); ++i) words_of[names[i]].insert(word[i]);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (words_of[names[i]].size() > 1 && !word[i].empty()) names[i] += " (" + word[i] + ")";
    }
  }
}

}  // namespace deneb::reports
