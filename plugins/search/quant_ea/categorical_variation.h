#pragma once

#include <cstddef>
#include <random>
#include <utility>
#include <vector>

/// Variation of genomes whose genes are indices of candidates (bit-widths of a layer, say).
///
/// Gene g takes the values 0..upper[g]. Genomes and `upper` have the same length; a gene with
/// upper 0 never changes. All functions throw std::invalid_argument for lengths that differ and
/// for indices outside the genome. Randomness comes from the caller's generator only.
namespace deneb::quant_ea {

using IntGenome = std::vector<int>;
/// Sets of genes that cross over together, for instance a layer's weight and activation width.
using GeneGroups = std::vector<std::vector<std::size_t>>;

enum class CategoricalMutation {
  kReset,  ///< any other candidate, all equally likely
  kStep,   ///< the next lower or higher candidate, equally likely; inward at both ends
  /// As kStep, but half of the groups that change do so as a whole, all genes in one direction (as
  /// far as they can): a layer that is sensitive is so in its weights and its activations.
  kGroupStep,
};

/// Groups {i, i + genes/2}: first half weight widths, second half activation widths.
/// Throws std::invalid_argument if the number of genes is odd.
GeneGroups paired_halves(std::size_t genes);

/// One group for each gene.
GeneGroups single_genes(std::size_t genes);

/// Throws std::invalid_argument unless every gene is in exactly one group.
void check_groups(const GeneGroups& groups, std::size_t genes);

/// Every gene uniform in 0..upper.
IntGenome random_genome(const std::vector<int>& upper, std::mt19937_64& rng);

/// Every gene a binomial draw over 0..upper with mean `level` * upper, level in [0, 1]: uniform
/// draws of many genes nearly all have the mean cost, these reach from the cheapest to the dearest
/// genome.
IntGenome spread_genome(const std::vector<int>& upper, double level, std::mt19937_64& rng);

/// Swaps each group between the two genomes with probability p_swap.
void uniform_crossover(IntGenome& first, IntGenome& second, const GeneGroups& groups, double p_swap,
                       std::mt19937_64& rng);

/// Swaps a segment between the two genomes; both ends are uniform over the genes and inclusive.
void two_point_crossover(IntGenome& first, IntGenome& second, std::mt19937_64& rng);

/// Changes each gene with probability p_gene to a different candidate; a group that is to change as
/// a whole with as much for each of its genes. `groups`: of kGroupStep only.
void mutate(IntGenome& genome, const std::vector<int>& upper, double p_gene,
            CategoricalMutation kind, const GeneGroups& groups, std::mt19937_64& rng);

/// Crossover of Vega's QuantEA: `first` with the genes [min(i,j), max(i,j)) of `second`. As in Vega
/// the end is exclusive, so that the last gene is never taken over and i == j copies `first`.
IntGenome vega_crossover(const IntGenome& first, const IntGenome& second, std::size_t i,
                         std::size_t j);

/// Mutation of Vega's QuantEA: every gene of [min(i,j), max(i,j)) becomes a different candidate.
IntGenome vega_mutation(const IntGenome& genome, const std::vector<int>& upper, std::size_t i,
                        std::size_t j, std::mt19937_64& rng);

/// One child as Vega's QuantEA makes it: with probability 1/2 the mutated first parent, otherwise
/// the crossover of both; the segment's ends are uniform over the genes.
IntGenome vega_child(const IntGenome& first, const IntGenome& second, const std::vector<int>& upper,
                     std::mt19937_64& rng);

}  // namespace deneb::quant_ea
