#pragma once

#include <string>
#include <vector>

namespace deneb::detail {

/// One step of `a.b[2].c` or `a.b.2.c`.
struct PathSegment {
  std::string key;
  bool bracket = false;  ///< was written `[key]` and so can only be an index

  /// Whether this can index a list; sets `index`.
  bool index(std::size_t& index) const;
};

/// Empty, with the reason in `why`, when the path is malformed.
std::vector<PathSegment> split_path(const std::string& path, std::string& why);

}  // namespace deneb::detail
