#pragma once

#include <cstddef>
#include <vector>

namespace deneb::quant_ea {

/// One vector in objective space (or one decision vector); all components are finite.
using Point = std::vector<double>;
using Points = std::vector<Point>;

/// From this number of objectives on, reference points lie on two layers: a single layer fine
/// enough to have inner points would need far more members than a population has. Source: Deb and
/// Jain, "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based
/// Nondominated Sorting Approach, Part I", IEEE TEVC 18(4), 2014, section IV-B.
inline constexpr std::size_t kTwoLayerObjectives = 8;

/// Number of vectors of `objectives` non-negative multiples of 1/divisions that sum to 1:
/// C(objectives + divisions - 1, divisions). The largest std::size_t stands for "too many to
/// count".
std::size_t lattice_size(std::size_t objectives, unsigned divisions);

/// These vectors in lexicographic order (Das and Dennis, 1998).
/// Throws std::invalid_argument if objectives < 2 or divisions < 1.
Points das_dennis(std::size_t objectives, unsigned divisions);

/// The same lattice shrunk halfway towards the center of the simplex, c -> c/2 + 1/(2 objectives).
Points inner_layer(std::size_t objectives, unsigned divisions);

/// Divisions of the outer lattice, and of the inner layer; 0 = there is none.
struct ReferenceLayout {
  unsigned outer = 1;
  unsigned inner = 0;
};

/// One lattice below kTwoLayerObjectives objectives, from there on the lattice with `divisions` and
/// inside it the inner layer with `divisions - 1`, as in the paper's settings (3 + 2 for 8 and 10
/// objectives, 2 + 1 for 15). One division has no inner layer.
ReferenceLayout paper_layout(std::size_t objectives, unsigned divisions);

/// The layout for a population: the finest lattice that it fills; where that has no point inside
/// the simplex (fewer divisions than objectives), the members that are left fill the finest inner
/// layer that is coarser. A population smaller than one division's points gets these all the same:
/// some stay without a member then. Throws std::invalid_argument if objectives < 2.
ReferenceLayout fitting_layout(std::size_t objectives, std::size_t population);

/// Number of points that `reference_points` returns for the same arguments.
std::size_t reference_point_count(std::size_t objectives, const ReferenceLayout& layout);

/// Reference points of NSGA-III, outer layer first.
/// Throws std::invalid_argument if objectives < 2 or outer divisions < 1.
Points reference_points(std::size_t objectives, const ReferenceLayout& layout);

/// Inverted generational distance: mean Euclidean distance from each target to the nearest member
/// of the front. Throws std::invalid_argument if one of them is empty.
double inverted_generational_distance(const Points& targets, const Points& front);

}  // namespace deneb::quant_ea
