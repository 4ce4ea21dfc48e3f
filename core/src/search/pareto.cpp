#include <deneb/search/pareto.h>

#include <algorithm>
#include <cmath>

namespace deneb {
namespace {

bool has_nan(const std::vector<double>& row) {
  for (const double value : row) {
    if (std::isnan(value)) return true;
  }
  return false;
}

}  // namespace

bool dominates(const std::vector<double>& a, const std::vector<double>& b,
               const std::vector<Objective>& objectives) {
  if (has_nan(a)) return false;
  if (has_nan(b)) return true;
  bool better = false;
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const double sign = objectives[i].direction == Direction::kMaximize ? 1 : -1;
    if (sign * a[i] < sign * b[i]) return false;
    better |= sign * a[i] > sign * b[i];
  }
  return better;
}

std::vector<std::size_t> pareto_front(const std::vector<std::vector<double>>& rows,
                                      const std::vector<Objective>& objectives) {
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (has_nan(rows[i])) continue;
    bool dominated = false;
    for (std::size_t j = 0; j < rows.size() && !dominated; ++j) {
      dominated = j != i && dominates(rows[j], rows[i], objectives);
    }
    if (!dominated) front.push_back(i);
  }
  return front;
}

bool is_pareto_front(const std::vector<std::size_t>& members,
                     const std::vector<std::vector<double>>& rows,
                     const std::vector<Objective>& objectives) {
  if (objectives.size() < 2 || members.empty()) return false;
  return std::none_of(members.begin(), members.end(), [&](std::size_t member) {
    return has_nan(rows[member]) || std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
             return dominates(row, rows[member], objectives);
           });
  });
}

}  // namespace deneb
