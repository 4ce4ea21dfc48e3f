#include "categorical_variation.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <deneb/random.h>

namespace deneb::quant_ea {
namespace {

constexpr double kJointShare = 0.5;  // of the groups, in a mutation by groups

void check_length(std::size_t found, std::size_t expected, const char* where) {
  if (found != expected) {
    throw std::invalid_argument(std::string(where) + ": length " + std::to_string(found) +
                                ", expected " + std::to_string(expected) + " genes");
  }
}

void check_segment(std::size_t i, std::size_t j, std::size_t genes, const char* where) {
  if (std::max(i, j) >= genes) {
    throw std::invalid_argument(std::string(where) + ": segment end " +
                                std::to_string(std::max(i, j)) + " is outside a genome of " +
                                std::to_string(genes) + " genes");
  }
}

std::size_t draw_gene(std::size_t genes, std::mt19937_64& rng) {
  return static_cast<std::size_t>(uniform_index(rng, genes));
}

// 0 .. upper
int draw_value(int upper, std::mt19937_64& rng) {
  return static_cast<int>(uniform_index(rng, static_cast<std::uint64_t>(upper) + 1));
}

int reset_gene(int value, int upper, std::mt19937_64& rng) {
  // A draw among the other values: those from `value` on move up by one.
  const int other = draw_value(upper - 1, rng);
  return other < value ? other : other + 1;
}

int step_gene(int value, int upper, std::mt19937_64& rng) {
  if (value <= 0) return 1;
  if (value >= upper) return upper - 1;
  return uniform_real(rng) < 0.5 ? value + 1 : value - 1;
}

void mutate_group(IntGenome& genome, const std::vector<int>& upper, double p_gene,
                  const std::vector<std::size_t>& group, std::mt19937_64& rng) {
  if (uniform_real(rng) < kJointShare) {
    const double p_group = std::min(1.0, p_gene * static_cast<double>(group.size()));
    if (uniform_real(rng) >= p_group) return;
    const int step = uniform_real(rng) < 0.5 ? 1 : -1;
    for (const std::size_t gene : group) {
      genome[gene] = std::clamp(genome[gene] + step, 0, upper[gene]);
    }
    return;
  }
  for (const std::size_t gene : group) {
    if (uniform_real(rng) < p_gene && upper[gene] > 0)
      genome[gene] = step_gene(genome[gene], upper[gene], rng);
  }
}

}  // namespace

GeneGroups paired_halves(std::size_t genes) {
  if (genes % 2 != 0) {
    throw std::invalid_argument("paired genes: " + std::to_string(genes) +
                                " genes cannot be split into two halves");
  }
  GeneGroups groups;
  for (std::size_t gene = 0; gene < genes / 2; ++gene) groups.push_back({gene, gene + genes / 2});
  return groups;
}

GeneGroups single_genes(std::size_t genes) {
  GeneGroups groups;
  for (std::size_t gene = 0; gene < genes; ++gene) groups.push_back({gene});
  return groups;
}

void check_groups(const GeneGroups& groups, std::size_t genes) {
  std::vector<int> uses(genes, 0);
  for (const auto& group : groups) {
    for (std::size_t gene : group) {
      if (gene >= genes) {
        throw std::invalid_argument("gene groups: gene " + std::to_string(gene) +
                                    " does not exist; the genome has " + std::to_string(genes));
      }
      ++uses[gene];
    }
  }
  for (std::size_t gene = 0; gene < genes; ++gene) {
    if (uses[gene] != 1) {
      throw std::invalid_argument("gene groups: gene " + std::to_string(gene) + " is in " +
                                  std::to_string(uses[gene]) + " groups, expected exactly one");
    }
  }
}

IntGenome random_genome(const std::vector<int>& upper, std::mt19937_64& rng) {
  IntGenome genome;
  genome.reserve(upper.size());
  for (int bound : upper) genome.push_back(draw_value(bound, rng));
  return genome;
}

IntGenome spread_genome(const std::vector<int>& upper, double level, std::mt19937_64& rng) {
  IntGenome genome;
  for (const int bound : upper) {
    int value = 0;  // binomial
    for (int i = 0; i < bound; ++i) value += uniform_real(rng) < level;
    genome.push_back(value);
  }
  return genome;
}

void uniform_crossover(IntGenome& first, IntGenome& second, const GeneGroups& groups, double p_swap,
                       std::mt19937_64& rng) {
  check_length(second.size(), first.size(), "uniform crossover");
  for (const auto& group : groups) {
    if (uniform_real(rng) >= p_swap) continue;
    for (std::size_t gene : group) std::swap(first.at(gene), second.at(gene));
  }
}

void two_point_crossover(IntGenome& first, IntGenome& second, std::mt19937_64& rng) {
  check_length(second.size(), first.size(), "two-point crossover");
  if (first.empty()) return;
  const std::size_t i = draw_gene(first.size(), rng);
  const std::size_t j = draw_gene(first.size(), rng);
  for (std::size_t gene = std::min(i, j); gene <= std::max(i, j); ++gene) {
    std::swap(first[gene], second[gene]);
  }
}

void mutate(IntGenome& genome, const std::vector<int>& upper, double p_gene,
            CategoricalMutation kind, const GeneGroups& groups, std::mt19937_64& rng) {
  check_length(upper.size(), genome.size(), "mutation bounds");
  if (kind == CategoricalMutation::kGroupStep) {
    for (const auto& group : groups) mutate_group(genome, upper, p_gene, group, rng);
    return;
  }
  for (std::size_t gene = 0; gene < genome.size(); ++gene) {
    if (uniform_real(rng) >= p_gene || upper[gene] < 1) continue;
    genome[gene] = kind == CategoricalMutation::kReset ? reset_gene(genome[gene], upper[gene], rng)
                                                       : step_gene(genome[gene], upper[gene], rng);
  }
}

IntGenome vega_crossover(const IntGenome& first, const IntGenome& second, std::size_t i,
                         std::size_t j) {
  check_length(second.size(), first.size(), "segment crossover");
  check_segment(i, j, first.size(), "segment crossover");
  IntGenome child = first;
  for (std::size_t gene = std::min(i, j); gene < std::max(i, j); ++gene) {
    child[gene] = second[gene];
  }
  return child;
}

IntGenome vega_mutation(const IntGenome& genome, const std::vector<int>& upper, std::size_t i,
                        std::size_t j, std::mt19937_64& rng) {
  check_length(upper.size(), genome.size(), "segment mutation bounds");
  check_segment(i, j, genome.size(), "segment mutation");
  IntGenome child = genome;
  for (std::size_t gene = std::min(i, j); gene < std::max(i, j); ++gene) {
    if (upper[gene] > 0) child[gene] = reset_gene(child[gene], upper[gene], rng);
  }
  return child;
}

IntGenome vega_child(const IntGenome& first, const IntGenome& second, const std::vector<int>& upper,
                     std::mt19937_64& rng) {
  check_length(second.size(), first.size(), "segment variation");
  if (first.empty()) return first;
  const bool mutates = uniform_real(rng) < 0.5;
  const std::size_t i = draw_gene(first.size(), rng);
  const std::size_t j = draw_gene(first.size(), rng);
  return mutates ? vega_mutation(first, upper, i, j, rng) : vega_crossover(first, second, i, j);
}

}  // namespace deneb::quant_ea
