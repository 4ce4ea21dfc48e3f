#pragma once

#include <torch/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/network.h>
#include <deneb/quant/format_mixture.h>
#include <deneb/search/search_algorithm.h>

#include "decisions.h"
#include "edmips_options.h"
#include "expected_cost.h"

namespace deneb::edmips {

using searches::ExpectedCost;
using searches::LayerShares;
using searches::mean_entropy;
using searches::Probabilities;

/// A searched layer. Where the space fixes its weight or its input there is no mixture.
struct RelaxedLayer {
  LayerGenes genes;
  const FormatMixture* weight = nullptr;
  const FormatMixture* activation = nullptr;
};

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
  void find_parameters(const Network& network);

  const SearchSpace& space_;
  std::shared_ptr<Network> network_;
  std::vector<RelaxedLayer> layers_;
  std::vector<std::vector<const FormatMixture*>> mixtures_;  // by gene
  std::string logits_glob_;
};

}  // namespace deneb::edmips
