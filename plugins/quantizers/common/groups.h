#pragma once

#include <cstdint>

namespace deneb::quantizers {

/// A tensor as a matrix in the order of its values in memory. Every row is cut into groups of
/// `group` values (the last one of a row may be shorter) that share a scale. One scale for all is
/// one row of one group.
struct Groups {
  std::int64_t rows = 1, columns = 0, group = 0;

  static Groups whole(std::int64_t count) { return {1, count, count}; }
  std::int64_t per_row() const { return group > 0 ? (columns + group - 1) / group : 0; }
  std::int64_t count() const { return rows * per_row(); }
};

}  // namespace deneb::quantizers
