#include <algorithm>
#include <cctype>
#include <limits>

#include <deneb/options/config.h>

namespace deneb {
namespace {

/// Spelling without what people mix up first: case and the kind of dash.
std::string folded(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    result += lower == '-' || lower == ' ' ? '_' : lower;
  }
  return result;
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

bool is_prefix(const std::string& a, const std::string& b) {
  return a.size() >= 3 && b.compare(0, a.size(), a) == 0;
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& names) {
  // Nobody mistypes a name this long, and the distance is quadratic.
  constexpr std::size_t kLongest = 200;
  const std::string wanted = folded(name);
  if (wanted.empty() || wanted.size() > kLongest) return "";
  std::string best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const std::string& candidate : names) {
    const std::string other = folded(candidate);
    if (other.empty() || other.size() > kLongest) continue;
    const std::size_t length = std::max(wanted.size(), other.size());
    const bool part = is_prefix(wanted, other) || is_prefix(other, wanted);
    const std::size_t least = length - std::min(wanted.size(), other.size());
    if (!part && least > std::max<std::size_t>(1, length / 3)) continue;
    const std::size_t distance = edit_distance(wanted, other);
    // One edit may not turn a whole short name into another one.
    const bool near = distance <= std::max<std::size_t>(1, length / 3) &&
                      distance < std::min(wanted.size(), other.size());
    if ((near || part) && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace deneb
