#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "reference_points.h"

/// Survivor selection of NSGA-III as free functions on plain data; every objective is minimized.
/// Source: Deb and Jain, IEEE TEVC 18(4), 2014, algorithms 1 to 4. Nothing here keeps state of its
/// own: what lasts over generations is in NormalizationMemory and in the generator, both the
/// caller's, so equal inputs give equal results. Functions may run at once on different data.
namespace deneb::quant_ea {

using Rng = std::mt19937_64;

/// What the normalization remembers over generations, in objective space (not translated).
struct NormalizationMemory {
  Point ideal;      ///< smallest value seen of each objective; empty before the first selection
  Points extremes;  ///< one point per objective, extreme along that axis; empty at first
};

/// The reference point next to a member: its index and the perpendicular distance to its ray.
struct Association {
  std::size_t niche = 0;
  double distance = 0.0;
};

/// Throws std::invalid_argument that names `where`, the row and the objective, if a row has not
/// `objectives` entries or if an entry is NaN or infinite (such points never dominate each other
/// and would all land in the first front).
void require_finite(const Points& fitness, std::size_t objectives, const std::string& where);

/// Lowers `ideal` to the component-wise minimum of itself and the points; fills it when empty.
void update_ideal(Point& ideal, const Points& points);

/// Achievement scalarizing function of `axis`: the largest of translated[i] / scale[i] / w_i with
/// w = 1 on the axis and 1e-6 elsewhere; off the axis, values below 1e-4 of the scale count as
/// zero. A member that is extreme along the axis has the smallest.
double achievement(const Point& translated, const Point& scale, std::size_t axis);

/// For each axis the candidate with the smallest achievement; `previous` extremes compete as well.
/// Candidates, previous ones and the result are in objective space.
Points find_extremes(const Points& candidates, const Points& previous, const Point& ideal);

/// Intercepts with the axes of the plane through the translated extremes (one row per axis).
/// Nothing if there is no such plane (rows linearly dependent up to a relative pivot of 1e-12) or
/// if an intercept is not finite, negative, or below 1e-6 of the largest entry of its column.
std::optional<Point> plane_intercepts(const Points& translated_extremes);

/// Divisors that bring translated objectives to [0, 1]: the plane's intercepts, cut at the worst
/// value of `selected`; without a plane the largest value in `front`, failing that in `selected`,
/// and 1 for an objective that is constant. All arguments are translated by `ideal`, which tells
/// how large rounding noise is. Every divisor is positive.
Point intercepts(const Points& extremes, const Points& front, const Points& selected,
                 const Point& ideal);

/// Distance of a point from the ray through the origin and `direction`.
double ray_distance(const Point& point, const Point& direction);

/// The nearest reference ray of each point; of equally near ones the lowest index.
std::vector<Association> associate(const Points& normalized, const Points& references);

/// Picks `wanted` of the candidates (members of the last front) so that sparsely populated niches
/// are served first; `counts[j]` is the number of members already chosen in niche j. Returns
/// indices into `candidates` in the order of choice. Throws std::invalid_argument if fewer
/// candidates than wanted exist.
std::vector<std::size_t> niching(std::vector<std::size_t> counts,
                                 const std::vector<Association>& candidates, std::size_t wanted,
                                 Rng& rng);

/// One NSGA-III selection: the `survivors` best rows of `fitness`, as ascending indices. Updates
/// the memory with the rows of the first front. A pool of exactly `survivors` rows is returned
/// whole. Throws std::invalid_argument for a pool that is too small, for non-finite values, and for
/// reference points or memory of another dimension.
std::vector<std::size_t> environmental_selection(const Points& fitness, std::size_t survivors,
                                                 const Points& references,
                                                 NormalizationMemory& memory, Rng& rng);

}  // namespace deneb::quant_ea
