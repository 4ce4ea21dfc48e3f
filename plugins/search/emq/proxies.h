#pragma once

#include <map>
#include <string>
#include <vector>

#include <deneb/quant/layer_info.h>
#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "proxy_options.h"
#include "statistics.h"

/// Hand-crafted proxies: numbers per layer, without training, that are to tell how well a policy
/// will do. The value of a policy is the sum over its layers; README.md has formulas and sources.
namespace deneb::emq {

/// By layer name.
using LayerValues = std::map<std::string, double>;

// Of one layer. Those with bits are multiplied by the width.

/// Sum of |g w| (SNIP: Lee et al. 2019, arXiv 1810.02340). Needs gradient and weight.
double snip(const LayerStatistics& layer);
/// Sum of g w, with its sign.
double plain(const LayerStatistics& layer);
/// Euclidean norm of g.
double grad_norm(const LayerStatistics& layer);
/// Per channel of the output, 1/2 mean over samples of (sum over places of a da)^2, [channels]
/// (Turner et al. 2020, arXiv 1906.04113). Needs activation and activation_gradient.
torch::Tensor fisher_by_channel(const LayerStatistics& layer);
/// Mean of sqrt(relu(W)) over output channels: what EMQ's published proxy comes to.
double published_coefficient(const torch::Tensor& weight);

/// Sum of |w dR/dw|, R the sum of the answers of the network with all parameters and buffers made
/// absolute, to an input of ones, in double precision (Tanaka et al. 2020, arXiv 2006.05467). Batch
/// norms are left out unless `keep_norms`. Changes the network for good. ConfigError for networks
/// that read no images.
LayerValues synflow(Network& network, bool keep_norms, c10::Device device,
                    StatisticsWork* work = nullptr);

/// A run of blocks in the entropy of a network (Sun et al. 2022, "Entropy-Driven Mixed-Precision
/// Quantization for Deep Network Design", NeurIPS).
struct EntropyStage {
  double ratio = 0;        ///< weight of the stage
  double channels = 1;     ///< of its output
  std::size_t blocks = 0;  ///< blocks from the beginning of the network to its end
};
/// Widths of the convolutions of a block: of weight, of input.
using BlockWidths = std::vector<std::pair<int, int>>;

/// Standard deviation of what a normally distributed value becomes in that many bits, as the
/// published code tabulates it; bits >= 2.
double gaussian_deviation(int bits);
/// Sum over stages of ratio (ln channels + sum over convolutions up to its end of ln(T[a] T[w])).
double quantization_entropy(const std::vector<EntropyStage>& stages,
                            const std::vector<BlockWidths>& blocks);
/// The stages of a network by its reconstruction units: runs of units with as many output channels,
/// the last unit alone, ratios 1, 1, 6 for the last three. Those of the published code for
/// ResNet-18, which has nothing else.
std::vector<EntropyStage> entropy_stages(const NetworkInfo& network);
/// How often the entropy counts a layer: the sum of the ratios of stages that end behind it.
LayerValues entropy_weights(const NetworkInfo& network);

/// Weights drawn anew, see ProxyOptions::weights.
void randomize(Network& network, std::uint64_t seed);

/// A table: layer by format of its weight.
struct ProxyTable {
  LayerScores values;          ///< as the proxy counts
  bool more_is_better = true;  ///< else the values are damage
  StatisticsWork work;

  /// As damage: `values`, or their negatives.
  LayerScores damage() const;
};

/// What is wrong with the options for this space; ConfigError.
void check_proxy(const SearchSetup& setup, const ProxyOptions& options);
/// Of all layers whose weight is searched, in all their formats.
ProxyTable compute_proxy(SearchContext& context, const ProxyOptions& options);

}  // namespace deneb::emq
