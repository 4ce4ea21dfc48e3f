#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <deneb/nn/network.h>
#include <deneb/search/search_algorithm.h>

#include "format_switch.h"

namespace deneb::fliqs {

/// A fresh network of the step that takes any policy of the search space at once: every open
/// decision switches between the step's own quantizers for its candidates, all of which share the
/// float weights.
class SampledNetwork {
 public:
  explicit SampledNetwork(SearchContext& context);

  Network& network() { return *network_; }
  /// Formats by a genome of the search space.
  void set(const std::vector<int>& genome);
  /// Parameters and buffers under the names of a network that holds the present policy alone:
  /// state of other formats is left out.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;

 private:
  struct Place {
    std::string prefix;  // of the names of its state
    FormatSwitch* formats;
    std::size_t gene;
    std::vector<Format> candidates;  // of the gene, with the sign of the place
  };
  std::shared_ptr<Quantizer> add_switch(SearchContext& context, QuantizerRole role,
                                        const std::string& layer, const torch::Tensor& weight,
                                        std::size_t gene, bool is_signed);

  std::shared_ptr<Network> network_;
  std::vector<Place> places_;
};

}  // namespace deneb::fliqs
