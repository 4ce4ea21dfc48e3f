#pragma once

#include <string>
#include <vector>

#include <deneb/search/figure.h>
#include <deneb/search/layer_scores.h>
#include <deneb/search/search_space.h>

/// What searches that learn a probability for every candidate format make of it.
namespace deneb::searches {

/// By gene of the search space: the probability of each candidate.
using Probabilities = std::vector<std::vector<double>>;

/// Does the gene decide weights, or inputs?
bool decides(const Gene& gene, QuantizerRole role);
/// An integer with the sign of the place it goes to; other formats as they are.
Format in_place(const Format& candidate, bool is_signed);

/// The most probable candidate of every gene; of equal ones the one of fewer bits, then the first.
std::vector<int> most_probable_genome(const Probabilities& probabilities,
                                      const std::vector<Gene>& genes);
BitPolicy most_probable(const SearchSpace& space, const Probabilities& probabilities);

/// `rounding` "likelihood": -log of the probabilities, so that the most probable policy has the
/// least sum. "mean": squared distance of the width from the expected one; of several formats of
/// one width the most probable. The most probable policy may cost far less than the expectation (a
/// decision of 0.4, 0.3, 0.3 is rounded down with all others like it); this one costs about as
/// much. Of a gene that decides weight and input, which multiplies both, the root of the expected
/// square takes the place of the expected width, and each of the two gets half of the score.
/// `search`: its name, for the origin.
LayerScores scores_of(const SearchSpace& space, const Probabilities& probabilities,
                      const std::string& rounding, const std::string& search);

/// Mean of the entropies of genes with that role, each over the logarithm of its number of
/// candidates: 1 = undecided, 0 = decided. 0 when there is none.
double mean_entropy(const SearchSpace& space, const Probabilities& probabilities,
                    QuantizerRole role);

/// A figure over the steps of a search.
Figure step_figure(const std::string& name, const std::string& title, const std::string& text,
                   const std::string& y_label, std::vector<FigureSeries> series);

/// How probable every format is, on average over the decisions on weights and on inputs, after
/// every epoch.
std::vector<Figure> formats_over_epochs(const SearchSpace& space,
                                        const std::vector<Probabilities>& epochs);
/// Formats (rows) by layers (columns), for weights and for inputs.
std::vector<HeatMap> probability_maps(const SearchSpace& space, const Probabilities& p);

}  // namespace deneb::searches
