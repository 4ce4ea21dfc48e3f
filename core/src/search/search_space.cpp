#include <deneb/options/config.h>
#include <deneb/search/search_space.h>

#include <algorithm>
#include <map>

namespace deneb {
namespace {

// Integers take the sign that the tensor needs; other formats stay as they are.
Format with_sign(const Format& format, bool is_signed) {
  return format.is_integer() ? Format::integer(format.bits, is_signed) : format;
}

Format parse_format(const std::string& word, const std::string& key) {
  try {
    return Format::parse(word);
  } catch (const ConfigError& e) {
    throw ConfigError("search_space." + key + ": " + e.what());
  }
}

std::vector<Format> candidates_of(const std::vector<int>& bits,
                                  const std::vector<std::string>& words, const std::string& key) {
  std::vector<Format> formats;
  for (const std::string& word : words) formats.push_back(parse_format(word, key));
  if (words.empty()) {
    for (const int width : bits) formats.push_back(Format::integer(width, true));
  }
  if (formats.empty()) {
    throw ConfigError("search_space." + key +
                      ": no candidates; give bit_candidates, e.g. [2, 4, 8]");
  }
  for (std::size_t i = 0; i < formats.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (formats[i].text() == formats[j].text()) {
        throw ConfigError("search_space." + key + ": candidate " + formats[i].text() +
                          " is listed twice");
      }
    }
  }
  return formats;
}

}  // namespace

SearchSpace::SearchSpace(NetworkInfo network, const SearchSpaceOptions& options)
    : network_(std::move(network)), pinned_(network_.layers.size()) {
  pin_layers(options);
  add_genes(options);
  if (genes_.empty()) {
    throw ConfigError("search_space: every layer of " + network_.model +
                      " is pinned, nothing is left to search; remove overrides");
  }
}

void SearchSpace::pin_layers(const SearchSpaceOptions& options) {
  const auto pin = [this](std::size_t i, const Format& weight, const Format& activation) {
    LayerInfo& layer = network_.layers[i];
    layer.pinned = true;
    pinned_[i] = {with_sign(weight, true), with_sign(activation, layer.signed_input)};
  };
  if (network_.layers.empty()) {
    throw ConfigError("search_space: network " + network_.model +
                      " has no deneb::nn layers to search over");
  }
  const auto end_layer = [&](const std::string& word, const char* key, std::size_t i) {
    if (word == "search") return;
    const Format format = parse_format(word, key);
    pin(i, format, format);
  };
  end_layer(options.first_layer, "first_layer", 0);
  end_layer(options.last_layer, "last_layer", network_.layers.size() - 1);
  for (std::size_t k = 0; k < options.overrides.size(); ++k) {
    const LayerOverride& rule = options.overrides[k];
    const std::string key = "overrides[" + std::to_string(k) + "]";
    const Format weight = parse_format(rule.weight, key + ".weight");
    const Format activation = parse_format(rule.activation, key + ".activation");
    bool matched = false;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      names.push_back(network_.layers[i].name);
      if (!glob_match(rule.layer, network_.layers[i].name)) continue;
      pin(i, weight, activation);
      matched = true;
    }
    if (!matched) {
      const std::string nearest = nearest_name(rule.layer, names);
      throw ConfigError("search_space." + key + ".layer: '" + rule.layer +
                        "' matches no layer of " + network_.model +
                        (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
    }
  }
}

void SearchSpace::add_genes(const SearchSpaceOptions& options) {
  const auto weights =
      candidates_of(options.bit_candidates, options.weight_candidates, "weight_candidates");
  const auto activations =
      candidates_of(options.bit_candidates, options.activation_candidates, "activation_candidates");
  if (options.tie_weight_activation && options.tie_activations) {
    throw ConfigError(
        "search_space: tie_weight_activation and tie_activations together would tie the weights of "
        "different layers; use one of them");
  }
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    if (network_.layers[i].pinned) continue;
    genes_.push_back(
        {options.tie_weight_activation ? Gene::Role::kBoth : Gene::Role::kWeight, {i}, weights});
  }
  if (options.tie_weight_activation) return;
  std::map<int, std::size_t> gene_of_input;
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const LayerInfo& layer = network_.layers[i];
    if (layer.pinned) continue;
    const auto known = gene_of_input.find(layer.input_group);
    if (options.tie_activations && known != gene_of_input.end()) {
      genes_[known->second].layers.push_back(i);
      continue;
    }
    gene_of_input[layer.input_group] = genes_.size();
    genes_.push_back({Gene::Role::kActivation, {i}, activations});
  }
}

double SearchSpace::size() const {
  double n = 1;
  for (const Gene& gene : genes_) n *= static_cast<double>(gene.candidates.size());
  return n;
}

BitPolicy SearchSpace::decode(const std::vector<int>& genome) const {
  if (genome.size() != genes_.size()) {
    throw ConfigError("genome: has " + std::to_string(genome.size()) + " genes, the search space " +
                      std::to_string(genes_.size()));
  }
  std::vector<LayerChoice> choices = pinned_;
  for (std::size_t g = 0; g < genes_.size(); ++g) {
    const Gene& gene = genes_[g];
    if (genome[g] < 0 || static_cast<std::size_t>(genome[g]) >= gene.candidates.size()) {
      throw ConfigError("genome: gene " + std::to_string(g) + " is " + std::to_string(genome[g]) +
                        ", expected 0 .. " + std::to_string(gene.candidates.size() - 1));
    }
    const Format& format = gene.candidates[static_cast<std::size_t>(genome[g])];
    for (const std::size_t i : gene.layers) {
      if (gene.role != Gene::Role::kActivation) choices[i].weight = with_sign(format, true);
      if (gene.role != Gene::Role::kWeight) {
        choices[i].activation = with_sign(format, network_.layers[i].signed_input);
      }
    }
  }
  BitPolicy policy;
  for (std::size_t i = 0; i < choices.size(); ++i) policy.set(network_.layers[i].name, choices[i]);
  return policy;
}

std::vector<int> SearchSpace::encode(const BitPolicy& policy) const {
  std::vector<int> genome;
  for (const Gene& gene : genes_) {
    const LayerInfo& layer = network_.layers[gene.layers.front()];
    const LayerChoice* choice = policy.find(layer.name);
    const bool is_weight = gene.role != Gene::Role::kActivation;
    const Format wanted = choice ? (is_weight ? choice->weight : choice->activation) : Format{};
    const auto fits = [&](const Format& candidate) {
      return with_sign(candidate, is_weight || layer.signed_input) == wanted;
    };
    const auto it = std::find_if(gene.candidates.begin(), gene.candidates.end(), fits);
    if (it == gene.candidates.end()) {
      throw ConfigError("policy: layer " + layer.name + " uses " + wanted.text() + " for its " +
                        (is_weight ? "weight" : "activation") +
                        ", which the search space does not offer");
    }
    genome.push_back(static_cast<int>(it - gene.candidates.begin()));
  }
  if (!(decode(genome) == policy)) {
    throw ConfigError("policy: differs from the search space in a pinned or tied layer");
  }
  return genome;
}

namespace {

std::vector<int> extreme(const std::vector<Gene>& genes, bool widest) {
  std::vector<int> genome;
  for (const Gene& gene : genes) {
    const auto by_bits = [](const Format& a, const Format& b) { return a.bits < b.bits; };
    const auto it = widest
                        ? std::max_element(gene.candidates.begin(), gene.candidates.end(), by_bits)
                        : std::min_element(gene.candidates.begin(), gene.candidates.end(), by_bits);
    genome.push_back(static_cast<int>(it - gene.candidates.begin()));
  }
  return genome;
}

}  // namespace

std::vector<int> SearchSpace::narrowest() const { return extreme(genes_, false); }
std::vector<int> SearchSpace::widest() const { return extreme(genes_, true); }

std::vector<std::vector<int>> SearchSpace::uniform() const {
  std::size_t most = 0;
  for (const Gene& gene : genes_) most = std::max(most, gene.candidates.size());
  std::vector<std::vector<int>> genomes(most);
  for (std::size_t i = 0; i < most; ++i) {
    for (const Gene& gene : genes_) {
      genomes[i].push_back(static_cast<int>(std::min(i, gene.candidates.size() - 1)));
    }
  }
  return genomes;
}

std::vector<std::pair<std::size_t, std::size_t>> SearchSpace::gene_pairs() const {
  std::map<std::size_t, std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t g = 0; g < genes_.size(); ++g) {
    for (const std::size_t i : genes_[g].layers) {
      if (genes_[g].role != Gene::Role::kActivation) pairs[i].first = g;
      if (genes_[g].role != Gene::Role::kWeight) pairs[i].second = g;
    }
  }
  std::vector<std::pair<std::size_t, std::size_t>> list;
  for (const auto& entry : pairs) list.push_back(entry.second);
  return list;
}

}  // namespace deneb
