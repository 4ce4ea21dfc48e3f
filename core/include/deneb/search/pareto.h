#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/train/metrics.h>

namespace deneb {

/// a is at least as good as b in every objective and better in one. Rows are values in the order of
/// the objectives; NaN dominates nothing and is dominated by every finite row.
DENEB_API bool dominates(const std::vector<double>& a, const std::vector<double>& b,
                         const std::vector<Objective>& objectives);

/// Indices of the non-dominated rows, ascending. Rows with a NaN are left out; of equal rows all
/// are kept.
DENEB_API std::vector<std::size_t> pareto_front(const std::vector<std::vector<double>>& rows,
                                                const std::vector<Objective>& objectives);

/// Are the members (indices into `rows`) a Pareto front: two objectives or more, no member with a
/// NaN, none that any row dominates? No members are none.
DENEB_API bool is_pareto_front(const std::vector<std::size_t>& members,
                               const std::vector<std::vector<double>>& rows,
                               const std::vector<Objective>& objectives);

}  // namespace deneb
