#include "trial_problem.h"

#include <deneb/random.h>

#include <algorithm>
#include <cmath>

namespace deneb::quant_ea {
namespace {

std::vector<int> to_indices(const std::vector<double>& genome) {
  std::vector<int> indices;
  for (const double gene : genome) {
    // pagmo accepts a fraction in an integer gene without a word.
    if (gene != std::floor(gene)) {
      throw RunError("QuantEA: gene " + std::to_string(gene) + " is no integer");
    }
    indices.push_back(static_cast<int>(gene));
  }
  return indices;
}

}  // namespace

TrialArchive::TrialArchive(SearchContext& context, std::vector<Objective> objectives)
    : context_(context), objectives_(std::move(objectives)) {}

std::vector<double> TrialArchive::minimised(const TrialResult& result) const {
  std::vector<double> row;
  for (const Objective& objective : objectives_) {
    const auto it = result.metrics.find(objective.name);
    if (it == result.metrics.end()) {
      throw RunError("QuantEA: trial " + std::to_string(result.id) + " has no '" + objective.name +
                     "', which its evaluator had announced");
    }
    row.push_back(objective.direction == Direction::kMaximize ? -it->second : it->second);
  }
  return row;
}

std::vector<std::vector<double>> TrialArchive::evaluate(
    const std::vector<std::vector<double>>& genomes, const std::string& origin) {
  std::vector<TrialRequest> requests;
  std::vector<int> request_of(genomes.size(), -1);  // -1: breaks a limit, not tried
  std::vector<BitPolicy> policies;
  for (std::size_t i = 0; i < genomes.size(); ++i) {
    policies.push_back(context_.space().decode(to_indices(genomes[i])));
    if (!context_.within_limits(policies.back())) continue;
    request_of[i] = static_cast<int>(requests.size());
    requests.push_back({policies.back(), origin});
  }
  const std::vector<TrialResult> results = context_.evaluate(requests);
  std::vector<std::vector<double>> rows(genomes.size());
  for (std::size_t i = 0; i < genomes.size(); ++i) {
    TrialResult result;
    if (request_of[i] >= 0) result = results[static_cast<std::size_t>(request_of[i])];
    if (result.ok) {
      rows[i] = minimised(result);
      if (worst_.empty()) worst_ = rows[i];
      for (std::size_t j = 0; j < worst_.size(); ++j) {
        worst_[j] = std::max(worst_[j], rows[i][j]);
      }
    }
    genomes_.push_back(to_indices(genomes[i]));
    seen_.insert(genomes_.back());
    policies_.push_back(policies[i]);
    results_.push_back(result);
  }
  for (auto& row : rows) {
    if (!row.empty()) continue;
    if (worst_.empty()) {
      throw RunError("QuantEA: all of the first " + std::to_string(genomes.size()) +
                     " policies failed or break a limit; see the trials in reports.csv, and raise "
                     "the limit or set anchors if none was tried");
    }
    for (const double worst : worst_) row.push_back(worst + 1);
  }
  return rows;
}

bool TrialArchive::within_limits(const std::vector<double>& genome) const {
  return context_.within_limits(context_.space().decode(to_indices(genome)));
}

bool TrialArchive::avoid(const std::vector<double>& genome) const {
  return seen_.count(to_indices(genome)) || !within_limits(genome);
}

void TrialArchive::repair(std::vector<double>& genome, std::mt19937_64& rng) const {
  const std::vector<int> narrowest = context_.space().narrowest();
  std::vector<std::size_t> wide;
  for (std::size_t i = 0; i < genome.size(); ++i) {
    if (genome[i] != narrowest[i]) wide.push_back(i);
  }
  while (!wide.empty() && !within_limits(genome)) {
    const std::size_t pick = uniform_index(rng, wide.size());
    genome[wide[pick]] = narrowest[wide[pick]];
    wide.erase(wide.begin() + static_cast<std::ptrdiff_t>(pick));
  }
}

std::vector<std::size_t> TrialArchive::front() const {
  std::vector<std::vector<double>> rows;
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!results_[i].ok) continue;
    rows.push_back(minimised(results_[i]));
    index.push_back(i);
  }
  const std::vector<Objective> minimise(objectives_.size(), {"", Direction::kMinimize});
  std::vector<std::size_t> front;
  for (const std::size_t i : pareto_front(rows, minimise)) front.push_back(index[i]);
  return front;
}

pagmo::vector_double TrialProblem::fitness(const pagmo::vector_double& genome) const {
  return archive_->evaluate({genome}, *origin_).front();
}

pagmo::vector_double TrialProblem::batch_fitness(const pagmo::vector_double& genomes) const {
  const std::size_t length = get_bounds().first.size();
  std::vector<std::vector<double>> batch;
  for (auto it = genomes.begin(); it != genomes.end(); it += static_cast<std::ptrdiff_t>(length)) {
    batch.emplace_back(it, it + static_cast<std::ptrdiff_t>(length));
  }
  pagmo::vector_double flat;
  for (const auto& row : archive_->evaluate(batch, *origin_)) {
    flat.insert(flat.end(), row.begin(), row.end());
  }
  return flat;
}

std::pair<pagmo::vector_double, pagmo::vector_double> TrialProblem::get_bounds() const {
  if (!archive_) return {{0}, {1}};
  pagmo::vector_double upper;
  for (const Gene& gene : archive_->context().space().genes()) {
    upper.push_back(static_cast<double>(gene.candidates.size() - 1));
  }
  return {pagmo::vector_double(upper.size(), 0.0), upper};
}

pagmo::vector_double::size_type TrialProblem::get_nobj() const {
  return archive_ ? archive_->objectives().size() : 2;
}

}  // namespace deneb::quant_ea
