#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/quant/layer_info.h>
#include <deneb/quant/policy.h>

namespace deneb {

/// Fixes the formats of the layers whose name matches a glob (`*` and `?`).
struct LayerOverride {
  std::string layer;
  std::string weight = "float32";
  std::string activation = "float32";
  template <class V>
  void visit(V& v) {
    v("layer", layer, "layer name or glob: layer1.*, *.downsample.0");
    v("weight", weight, "format word, e.g. int8, float32");
    v("activation", activation, "format word, e.g. uint8; int and uint follow the layer's sign");
  }
};

/// The `search_space` section.
struct SearchSpaceOptions {
  std::vector<int> bit_candidates = {2, 4, 8};
  std::vector<std::string> weight_candidates, activation_candidates;
  std::string first_layer = "float32";
  std::string last_layer = "float32";
  std::vector<LayerOverride> overrides;
  bool tie_activations = false;
  bool tie_weight_activation = false;
  template <class V>
  void visit(V& v) {
    v("bit_candidates", bit_candidates, "integer widths that weights and activations may take",
      {1, 16});
    v("weight_candidates", weight_candidates,
      "format words for weights, as far as the quantizer takes them; replaces bit_candidates");
    v("activation_candidates", activation_candidates, "the same for activations");
    v("first_layer", first_layer, "format of the first layer's weight and input, or \"search\"");
    v("last_layer", last_layer, "format of the last layer's weight and input, or \"search\"");
    v("overrides", overrides, "layers with fixed formats; the last match wins");
    v("tie_activations", tie_activations, "layers that read the same tensor share its format");
    v("tie_weight_activation", tie_weight_activation,
      "weight and activation of a layer have the same width");
  }
  void check(OptionErrors& errors) const {
    if (tie_weight_activation && !activation_candidates.empty()) {
      errors.add("activation_candidates",
                 "has no effect with tie_weight_activation; remove one of them");
    }
  }
};

/// One decision of a search.
struct Gene {
  enum class Role { kWeight, kActivation, kBoth };
  Role role = Role::kWeight;
  std::vector<std::size_t> layers;  ///< indices into network().layers; several when tied
  std::vector<Format> candidates;   ///< integers as given: sign is set per layer by decode()
};

/// The integer genome of a network: all weight genes in forward order, then all activation genes
/// (as QuantEA). A genome holds candidate indices. Pinned layers have no gene. Immutable.
class DENEB_API SearchSpace {
 public:
  /// ConfigError: no candidates, unknown format word, a glob that matches nothing, nothing left to
  /// search.
  SearchSpace(NetworkInfo network, const SearchSpaceOptions& options);

  const NetworkInfo& network() const { return network_; }  ///< with `pinned` set
  const std::vector<Gene>& genes() const { return genes_; }
  /// Number of policies, as double (it overflows 64 bits soon).
  double size() const;

  /// ConfigError when the genome has another length or an index is out of range.
  BitPolicy decode(const std::vector<int>& genome) const;
  /// Inverse of decode; ConfigError when the policy is not in the space.
  std::vector<int> encode(const BitPolicy& policy) const;
  /// Every gene at its narrowest or widest candidate.
  std::vector<int> narrowest() const;
  std::vector<int> widest() const;
  /// Genomes with all genes at their first, second, ... candidate (genes with fewer stay at their
  /// last): together they hold every candidate of every gene.
  std::vector<std::vector<int>> uniform() const;
  /// For each layer with genes: indices of its weight and activation gene (equal for kBoth).
  std::vector<std::pair<std::size_t, std::size_t>> gene_pairs() const;

 private:
  void pin_layers(const SearchSpaceOptions& options);
  void add_genes(const SearchSpaceOptions& options);
  NetworkInfo network_;
  std::vector<LayerChoice> pinned_;  // by layer index; used where network_.layers[i].pinned
  std::vector<Gene> genes_;
};

}  // namespace deneb
