#include "trial_problem.h"

#include <deneb/random.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace deneb::quant_ea {
namespace {

// Of minimised rows.
bool is_dominated(const Point& row, const Point& by) {
  bool better = false;
  for (std::size_t j = 0; j < row.size(); ++j) {
    if (by[j] > row[j]) return false;
    better |= by[j] < row[j];
  }
  return better;
}

}  // namespace

TrialArchive::TrialArchive(SearchContext& context, std::vector<Objective> objectives,
                           std::vector<searches::CostRange> windows)
    : context_(context), objectives_(std::move(objectives)), windows_(std::move(windows)) {
  for (const Gene& gene : context.space().genes()) {
    std::vector<int> order(gene.candidates.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return gene.candidates[std::size_t(a)].bits < gene.candidates[std::size_t(b)].bits;
    });
    upper_.push_back(static_cast<int>(order.size()) - 1);
    index_of_rank_.push_back(std::move(order));
  }
}

std::vector<int> TrialArchive::to_indices(const Point& genome) const {
  std::vector<int> indices;
  for (std::size_t g = 0; g < genome.size(); ++g) {
    // pagmo accepts a fraction in an integer gene without a word.
    if (genome[g] != std::floor(genome[g])) {
      throw RunError("QuantEA: gene " + std::to_string(genome[g]) + " is no integer");
    }
    indices.push_back(index_of_rank_[g].at(static_cast<std::size_t>(genome[g])));
  }
  return indices;
}

BitPolicy TrialArchive::decode(const Point& genome) const {
  return context_.space().decode(to_indices(genome));
}

Point TrialArchive::encode(const BitPolicy& policy) const {
  return from_indices(context_.space().encode(policy));
}

Point TrialArchive::from_indices(const std::vector<int>& indices) const {
  Point genome;
  for (std::size_t g = 0; g < indices.size(); ++g) {
    const auto& order = index_of_rank_[g];
    genome.push_back(
        static_cast<double>(std::find(order.begin(), order.end(), indices[g]) - order.begin()));
  }
  return genome;
}

Point TrialArchive::minimised(const TrialResult& result) const {
  Point row;
  for (const Objective& objective : objectives_) {
    const auto it = result.metrics.find(objective.name);
    if (it == result.metrics.end()) {
      throw RunError("QuantEA: a trial has no metric '" + objective.name +
                     "', which its evaluator had announced");
    }
    row.push_back(objective.direction == Direction::kMaximize ? -it->second : it->second);
  }
  return row;
}

Points TrialArchive::evaluate(const Points& genomes, const std::string& origin) {
  return evaluate(genomes, std::vector<std::string>(genomes.size(), origin));
}

Points TrialArchive::evaluate(const Points& genomes, const std::vector<std::string>& origins) {
  std::vector<TrialRequest> requests;
  std::vector<int> request_of(genomes.size(), -1);  // -1: breaks a limit, not tried
  std::vector<BitPolicy> policies;
  for (std::size_t i = 0; i < genomes.size(); ++i) {
    policies.push_back(decode(genomes[i]));
    if (!context_.within_limits(policies.back())) continue;
    request_of[i] = static_cast<int>(requests.size());
    requests.push_back({policies.back(), origins[i]});
  }
  const std::vector<TrialResult> results = context_.evaluate(requests);
  Points rows(genomes.size());
  for (std::size_t i = 0; i < genomes.size(); ++i) {
    TrialResult result;
    if (request_of[i] >= 0) result = results[static_cast<std::size_t>(request_of[i])];
    const bool known = !seen_.insert(genomes[i]).second;
    genomes_.push_back(genomes[i]);
    policies_.push_back(policies[i]);
    results_.push_back(result);
    if (result.ok) {
      rows[i] = minimised(result);
      if (worst_.empty()) worst_ = rows[i];
      for (std::size_t j = 0; j < worst_.size(); ++j) {
        worst_[j] = std::max(worst_[j], rows[i][j]);
      }
    }
    rows_.push_back(rows[i]);
    if (result.ok && !known) add_to_front(rows_.size() - 1);
  }
  for (auto& row : rows) {
    if (!row.empty()) continue;
    if (worst_.empty()) {
      throw RunError("QuantEA: all of the first " + std::to_string(genomes.size()) +
                     " policies failed or break a limit; see the trials in reports.csv, or raise "
                     "the limit if none was tried");
    }
    for (const double worst : worst_) row.push_back(worst + 1);
  }
  return rows;
}

void TrialArchive::add_to_front(std::size_t i) {
  const Point& row = rows_[i];
  if (std::any_of(row.begin(), row.end(), [](double value) { return !std::isfinite(value); })) {
    return;
  }
  for (const std::size_t member : front_) {
    if (is_dominated(row, rows_[member])) return;
  }
  const auto worse = [&](std::size_t member) { return is_dominated(rows_[member], row); };
  front_.erase(std::remove_if(front_.begin(), front_.end(), worse), front_.end());
  front_.push_back(i);
}

Points TrialArchive::front_rows() const {
  Points rows;
  for (const std::size_t i : front_) rows.push_back(rows_[i]);
  return rows;
}

std::pair<Point, Point> TrialArchive::span() const {
  Point best, worst;
  for (const Point& row : rows_) {
    if (row.empty()) continue;
    if (best.empty()) best = worst = row;
    for (std::size_t j = 0; j < row.size(); ++j) {
      best[j] = std::min(best[j], row[j]);
      worst[j] = std::max(worst[j], row[j]);
    }
  }
  return {best, worst};
}

Point TrialArchive::scaled(Point row) const {
  if (!scale_) return row;
  const auto& [best, worst] = *scale_;
  for (std::size_t j = 0; j < row.size(); ++j) {
    row[j] -= best[j];
    if (worst[j] > best[j]) row[j] /= worst[j] - best[j];
  }
  return row;
}

bool TrialArchive::within_limits(const Point& genome) const {
  return context_.within_limits(decode(genome));
}

bool TrialArchive::avoid(const Point& genome) const {
  if (seen_.count(genome)) return true;
  const BitPolicy policy = decode(genome);
  return !context_.within_limits(policy) || !in_a_window(policy);
}

bool TrialArchive::in_a_window(const BitPolicy& policy) const {
  return windows_.empty() ||
         std::any_of(windows_.begin(), windows_.end(), [&](const searches::CostRange& window) {
           return is_within(window, context_.space().network(), policy);
         });
}

void TrialArchive::repair(Point& genome, std::mt19937_64& rng) const {
  std::vector<std::size_t> wide;
  for (std::size_t i = 0; i < genome.size(); ++i) {
    if (genome[i] > 0) wide.push_back(i);
  }
  while (!wide.empty() && !within_limits(genome)) {
    const std::size_t pick = uniform_index(rng, wide.size());
    genome[wide[pick]] -= 1;
    if (genome[wide[pick]] > 0) continue;
    wide.erase(wide.begin() + static_cast<std::ptrdiff_t>(pick));
  }
}

Points TrialProblem::evaluate(Points genomes) const {
  for (Point& genome : genomes) {
    for (std::size_t g = 0; g < genome.size(); ++g) {
      genome[g] = std::clamp(std::round(genome[g]), 0.0, double(archive_->upper()[g]));
    }
  }
  Points rows = archive_->evaluate(genomes, *origin_);
  for (Point& row : rows) row = archive_->scaled(std::move(row));
  return rows;
}

pagmo::vector_double TrialProblem::fitness(const pagmo::vector_double& genome) const {
  return evaluate({genome}).front();
}

pagmo::vector_double TrialProblem::batch_fitness(const pagmo::vector_double& genomes) const {
  const std::size_t length = get_bounds().first.size();
  Points batch;
  for (auto it = genomes.begin(); it != genomes.end(); it += static_cast<std::ptrdiff_t>(length)) {
    batch.emplace_back(it, it + static_cast<std::ptrdiff_t>(length));
  }
  pagmo::vector_double flat;
  for (const Point& row : evaluate(std::move(batch))) {
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return flat;
}

std::pair<pagmo::vector_double, pagmo::vector_double> TrialProblem::get_bounds() const {
  if (!archive_) return {{0}, {1}};
  // Rounded genes have as much room around the first and the last rank as around the others.
  const double margin = genes_ == Genes::kRounded ? 0.499 : 0;
  pagmo::vector_double lower, upper;
  for (const int rank : archive_->upper()) {
    lower.push_back(-margin);
    upper.push_back(std::max(rank, genes_ == Genes::kTwoOrMore ? 1 : 0) + margin);
  }
  return {lower, upper};
}

pagmo::vector_double::size_type TrialProblem::get_nobj() const {
  return archive_ ? archive_->objectives().size() : 2;
}

pagmo::vector_double::size_type TrialProblem::get_nix() const {
  return genes_ != Genes::kRounded ? get_bounds().first.size() : 0;
}

}  // namespace deneb::quant_ea
