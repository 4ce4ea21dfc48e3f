#pragma once

#include <optional>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// Place of each value in ascending order, from 1; equal values share the mean of their places:
/// {7, 3, 3} gives {3, 1.5, 1.5}. No NaN.
DENEB_API std::vector<double> average_ranks(const std::vector<double>& values);

/// Spearman's rho, -1 .. 1: Pearson's correlation of the average ranks (Spearman 1904, with ties as
/// in Kendall, "Rank Correlation Methods"). 1: b grows wherever a grows; -1: the reverse. Nothing
/// where it is not defined: fewer than two pairs, a side whose values are all equal, a NaN.
/// RunError when a and b differ in length.
DENEB_API std::optional<double> spearman(const std::vector<double>& a,
                                         const std::vector<double>& b);

}  // namespace deneb
