#pragma once

#include <torch/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/network.h>
#include <deneb/quant/format_mixture.h>
#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "edmips_options.h"

namespace deneb::edmips {

/// A searched layer. Where the space fixes its weight or its input there is no mixture.
struct RelaxedLayer {
  LayerGenes genes;
  const FormatMixture* weight = nullptr;
  const FormatMixture* activation = nullptr;
  LayerChoice fixed;  ///< formats of what is not mixed
};

/// Shares of a layer's candidates, [F] each; undefined where nothing is mixed. With gradient.
struct LayerShares {
  torch::Tensor weight, activation;
};

/// By gene of the search space: the probability of each candidate.
using Probabilities = std::vector<std::vector<double>>;

/// A fresh network of the step in which every open decision of the search space is a mixture of its
/// candidates; fixed tensors have the step's own quantizers. ConfigError for candidates that the
/// mixture does not know.
class RelaxedNetwork {
 public:
  RelaxedNetwork(SearchContext& context, const EdmipsOptions& options);

  Network& network() { return *network_; }
  const std::vector<RelaxedLayer>& layers() const { return layers_; }
  /// In the order of layers().
  std::vector<LayerShares> shares() const;
  /// All architecture parameters.
  std::vector<torch::Tensor> logits() const;
  /// Glob over parameter names that matches them and nothing else.
  const std::string& logits_glob() const { return logits_glob_; }

  Probabilities probabilities() const;
  /// Tensors that share a decision get the mean of their parameters, after every update. They were
  /// equal before it, so the decision learns from the mean of their gradients.
  void tie();

 private:
  std::shared_ptr<Quantizer> make_mixture(SearchContext& context, const EdmipsOptions& options,
                                          QuantizerRole role, std::size_t gene) const;
  void relax(SearchContext& context, const EdmipsOptions& options);
  void calibrate(SearchContext& context);
  void find_parameters(const Network& network);

  const SearchSpace& space_;
  std::shared_ptr<Network> network_;
  std::vector<RelaxedLayer> layers_;
  std::vector<std::vector<const FormatMixture*>> mixtures_;  // by gene
  std::string logits_glob_;
};

/// Does the gene decide weights, or inputs?
bool decides(const Gene& gene, QuantizerRole role);
/// The most probable candidate of every gene, the first of equal ones.
BitPolicy most_probable(const SearchSpace& space, const Probabilities& probabilities);
/// `rounding` "likelihood": -log of the probabilities, so that the most probable policy has the
/// least sum. "mean": squared distance of the width from the expected one. The most probable policy
/// may cost far less than the expectation (a decision of 0.4, 0.3, 0.3 is rounded down with all
/// others like it); this one costs about as much.
LayerScores scores_of(const SearchSpace& space, const Probabilities& probabilities,
                      const std::string& rounding = "likelihood");
/// Mean of the entropies of genes with that role, each over the logarithm of its number of
/// candidates: 1 = undecided, 0 = decided. 0 when there is none.
double mean_entropy(const SearchSpace& space, const Probabilities& probabilities,
                    QuantizerRole role);

}  // namespace deneb::edmips
