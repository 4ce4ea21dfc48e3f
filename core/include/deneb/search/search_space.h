#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/quant/layer_info.h>
#include <deneb/quant/policy.h>

namespace deneb {

/// What the layers whose name matches a glob (`*` and `?`) may take: a format word, which fixes it;
/// a list of candidates of their own; or "search", the candidates of the space.
struct LayerOverride {
  std::string layer;
  Words weight = "float32";
  Words activation = "float32";
  template <class V>
  void visit(V& v) {
    v("layer", layer, "layer name or glob: layer1.*, *.downsample.0");
    v("weight", weight,
      "format word, e.g. int8, float32, which fixes it; a list of candidates; or \"search\": those "
      "of the space");
    v("activation", activation, "the same for the input; int and uint follow the layer's sign");
  }
};

/// Layers that share one decision: one format for all their weights, one for all their inputs.
struct LayerGroup {
  std::vector<std::string> layers;
  template <class V>
  void visit(V& v) {
    v("layers", layers, "names or globs, e.g. layer1.*; those that are fixed are left out");
  }
};

/// The `search_space` section.
struct SearchSpaceOptions {
  std::vector<int> bit_candidates = {2, 4, 8};
  std::vector<std::string> weight_candidates, activation_candidates;
  std::string first_layer = "float32";
  std::string last_layer = "float32";
  std::vector<LayerOverride> overrides;
  std::vector<LayerGroup> groups;
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
    v("overrides", overrides,
      "layers with fixed formats or candidates of their own; the last match wins");
    v("groups", groups, "layers that share one decision, for each of the groups");
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

/// The genes that decide one layer: indices into SearchSpace::genes(), equal for Role::kBoth.
/// Nothing where the space fixes the format.
struct LayerGenes {
  std::size_t layer = 0;  ///< index into network().layers
  std::optional<std::size_t> weight, activation;
};

/// The integer genome of a network: all weight genes in forward order, then all activation genes
/// (as QuantEA); of layers that share a gene the first one counts. A genome holds candidate
/// indices. Layers may have two genes, one, or none (pinned). Immutable.
class DENEB_API SearchSpace {
 public:
  /// ConfigError: no candidates, unknown format word, a glob that matches nothing, a layer in two
  /// groups, layers tied to each other that have no candidate in common, nothing left to search.
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
  /// The genes of each layer that has any, in forward order.
  std::vector<LayerGenes> layer_genes() const;
  /// These widths (Format::of_width) for all that is searched, in the space or not; what the space
  /// fixes stays.
  BitPolicy at_widths(int weight_bits, int activation_bits) const;
  /// The same space where every searched activation may take these integer widths, too: they come
  /// after its own candidates.
  SearchSpace with_activation_widths(const std::vector<int>& widths) const;

 private:
  // What one tensor of a layer may take.
  struct Offer {
    bool fixed = false;
    std::vector<Format> formats;  // one, if fixed
  };
  struct LayerOffer {
    Offer weight, activation;
    std::optional<std::size_t> group;
  };

  void make_offers(const SearchSpaceOptions& options);
  void override_offers(const SearchSpaceOptions& options, const LayerOffer& whole);
  void group_layers(const std::vector<LayerGroup>& groups);
  void add_genes(const SearchSpaceOptions& options);
  void check_tied_groups() const;
  Gene gene_of(Gene::Role role, std::vector<std::size_t> layers) const;
  std::vector<std::size_t> matches(const std::string& glob, const std::string& key) const;

  NetworkInfo network_;
  std::vector<LayerOffer> offers_;  // by layer index, like the next
  std::vector<LayerChoice> fixed_;  // the formats that are fixed, the others are float32
  std::vector<Gene> genes_;
};

}  // namespace deneb
