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

// The same but for the sign, which follows the tensor.
bool same_format(const Format& a, const Format& b) {
  return with_sign(a, true) == with_sign(b, true);
}

bool holds(const std::vector<Format>& formats, const Format& format) {
  return std::any_of(formats.begin(), formats.end(),
                     [&](const Format& other) { return same_format(other, format); });
}

std::vector<Format> parse_candidates(const std::vector<std::string>& words,
                                     const std::string& key) {
  std::vector<Format> formats;
  for (const std::string& word : words) {
    const Format format = parse_format(word, key);
    if (holds(formats, format)) {
      throw ConfigError("search_space." + key + ": candidate " + format.text() +
                        " is listed twice (int and uint of a width are one candidate)");
    }
    formats.push_back(format);
  }
  return formats;
}

std::vector<Format> candidates_of(const std::vector<int>& bits,
                                  const std::vector<std::string>& words, const std::string& key) {
  std::vector<std::string> all = words;
  if (words.empty()) {
    for (const int width : bits) all.push_back("int" + std::to_string(width));
  }
  if (all.empty()) {
    throw ConfigError("search_space." + key +
                      ": no candidates; give bit_candidates, e.g. [2, 4, 8]");
  }
  return parse_candidates(all, key);
}

void keep_common(std::vector<Format>& formats, const std::vector<Format>& others) {
  const auto is_missing = [&](const Format& format) { return !holds(others, format); };
  formats.erase(std::remove_if(formats.begin(), formats.end(), is_missing), formats.end());
}

std::string list_text(const std::vector<Format>& formats) {
  std::string text;
  for (const Format& format : formats) text += (text.empty() ? "" : ", ") + format.text();
  return text;
}

// Sets of layers that share a gene; every layer begins on its own.
class Ties {
 public:
  explicit Ties(std::size_t layers) : set_of_(layers) {
    for (std::size_t i = 0; i < layers; ++i) set_of_[i] = i;
  }
  void join(std::size_t a, std::size_t b) {
    const std::size_t from = set_of_[b], to = set_of_[a];
    std::replace(set_of_.begin(), set_of_.end(), from, to);
  }
  /// `layers`, which are in order, cut into those sets, each at the place of its first layer.
  std::vector<std::vector<std::size_t>> sets(const std::vector<std::size_t>& layers) const {
    std::map<std::size_t, std::size_t> place;
    std::vector<std::vector<std::size_t>> sets;
    for (const std::size_t i : layers) {
      const auto [found, is_new] = place.emplace(set_of_[i], sets.size());
      if (is_new) sets.emplace_back();
      sets[found->second].push_back(i);
    }
    return sets;
  }

 private:
  std::vector<std::size_t> set_of_;
};

}  // namespace

SearchSpace::SearchSpace(NetworkInfo network, const SearchSpaceOptions& options)
    : network_(std::move(network)) {
  if (network_.layers.empty()) {
    throw ConfigError("search_space: network " + network_.model +
                      " has no deneb::nn layers to search over");
  }
  make_offers(options);
  group_layers(options.groups);
  add_genes(options);
  if (genes_.empty()) {
    throw ConfigError("search_space: every layer of " + network_.model +
                      " is pinned, nothing is left to search; set first_layer or last_layer to "
                      "\"search\", or remove overrides");
  }
}

void SearchSpace::make_offers(const SearchSpaceOptions& options) {
  LayerOffer whole;
  whole.weight.formats =
      candidates_of(options.bit_candidates, options.weight_candidates, "weight_candidates");
  whole.activation.formats =
      options.tie_weight_activation
          ? whole.weight.formats
          : candidates_of(options.bit_candidates, options.activation_candidates,
                          "activation_candidates");
  offers_.assign(network_.layers.size(), whole);
  const auto end_layer = [&](const std::string& word, const char* key, LayerOffer& offer) {
    if (word == "search") return;
    offer.weight = offer.activation = {true, {parse_format(word, key)}};
  };
  end_layer(options.first_layer, "first_layer", offers_.front());
  end_layer(options.last_layer, "last_layer", offers_.back());
  override_offers(options, whole);
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const auto& [weight, activation, group] = offers_[i];
    LayerInfo& layer = network_.layers[i];
    layer.pinned = weight.fixed && activation.fixed;
    fixed_.emplace_back();
    if (weight.fixed) fixed_[i].weight = with_sign(weight.formats.front(), true);
    if (activation.fixed) {
      fixed_[i].activation = with_sign(activation.formats.front(), layer.signed_input);
    }
  }
}

void SearchSpace::override_offers(const SearchSpaceOptions& options, const LayerOffer& whole) {
  const auto offer_of = [](const Words& words, const Offer& all, const std::string& key) {
    if (words.list == std::vector<std::string>{"search"}) return all;
    Offer offer;
    offer.formats = parse_candidates(words.list, key);
    if (offer.formats.empty()) {
      throw ConfigError("search_space." + key +
                        ": is an empty list; give format words, or \"search\"");
    }
    offer.fixed = offer.formats.size() == 1;
    return offer;
  };
  for (std::size_t k = 0; k < options.overrides.size(); ++k) {
    const LayerOverride& rule = options.overrides[k];
    const std::string key = "overrides[" + std::to_string(k) + "]";
    const Offer weight = offer_of(rule.weight, whole.weight, key + ".weight");
    const Offer activation = offer_of(rule.activation, whole.activation, key + ".activation");
    for (const std::size_t i : matches(rule.layer, key + ".layer")) {
      offers_[i].weight = weight;
      offers_[i].activation = activation;
    }
  }
}

// Indices of the layers whose name matches; ConfigError where none does.
std::vector<std::size_t> SearchSpace::matches(const std::string& glob,
                                              const std::string& key) const {
  std::vector<std::size_t> found;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    names.push_back(network_.layers[i].name);
    if (glob_match(glob, names.back())) found.push_back(i);
  }
  if (!found.empty()) return found;
  const std::string nearest = nearest_name(glob, names);
  throw ConfigError("search_space." + key + ": '" + glob + "' matches no layer of " +
                    network_.model + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

void SearchSpace::group_layers(const std::vector<LayerGroup>& groups) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::string key = "groups[" + std::to_string(g) + "]";
    const std::vector<std::string>& globs = groups[g].layers;
    if (globs.empty()) {
      throw ConfigError("search_space." + key + ".layers: names no layers; give names or globs");
    }
    for (std::size_t k = 0; k < globs.size(); ++k) {
      for (const std::size_t i : matches(globs[k], key + ".layers[" + std::to_string(k) + "]")) {
        if (offers_[i].group && *offers_[i].group != g) {
          throw ConfigError("search_space." + key + ": layer '" + network_.layers[i].name +
                            "' is in groups[" + std::to_string(*offers_[i].group) +
                            "] already; a layer can be in one group only");
        }
        offers_[i].group = g;
      }
    }
  }
}

void SearchSpace::add_genes(const SearchSpaceOptions& options) {
  if (options.tie_weight_activation && options.tie_activations) {
    throw ConfigError(
        "search_space: tie_weight_activation and tie_activations together would tie the weights of "
        "different layers; use one of them");
  }
  if (options.tie_weight_activation) check_tied_groups();
  Ties weights(offers_.size()), activations(offers_.size());
  std::map<std::size_t, std::size_t> weight_of_group, activation_of_group;  // first of its layers
  std::map<int, std::size_t> activation_of_input;
  const auto tie = [](Ties& ties, auto& first, auto key, std::size_t layer) {
    ties.join(first.emplace(key, layer).first->second, layer);
  };
  std::vector<std::size_t> with_weight, with_activation;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const auto& [weight, activation, group] = offers_[i];
    if (!weight.fixed) {
      with_weight.push_back(i);
      if (group) tie(weights, weight_of_group, *group, i);
    }
    if (activation.fixed) continue;
    if (options.tie_weight_activation && !weight.fixed) continue;  // the weight's gene decides
    with_activation.push_back(i);
    if (group) tie(activations, activation_of_group, *group, i);
    if (options.tie_activations) {
      tie(activations, activation_of_input, network_.layers[i].input_group, i);
    }
  }
  for (auto& layers : weights.sets(with_weight)) {
    const bool both = options.tie_weight_activation && !offers_[layers.front()].activation.fixed;
    genes_.push_back(gene_of(both ? Gene::Role::kBoth : Gene::Role::kWeight, std::move(layers)));
  }
  for (auto& layers : activations.sets(with_activation)) {
    genes_.push_back(gene_of(Gene::Role::kActivation, std::move(layers)));
  }
}

// Where one gene decides weights and inputs, the layers of a group need it for the same of both.
void SearchSpace::check_tied_groups() const {
  std::map<std::size_t, std::size_t> first;  // searched layer of a group
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    if (!offers_[i].group || network_.layers[i].pinned) continue;
    const std::size_t other = first.emplace(*offers_[i].group, i).first->second;
    if (offers_[i].weight.fixed == offers_[other].weight.fixed &&
        offers_[i].activation.fixed == offers_[other].activation.fixed) {
      continue;
    }
    throw ConfigError("search_space.groups[" + std::to_string(*offers_[i].group) +
                      "]: tie_weight_activation needs the same of all its layers, but '" +
                      network_.layers[other].name + "' and '" + network_.layers[i].name +
                      "' do not fix the same tensors; fix both or none in overrides");
  }
}

Gene SearchSpace::gene_of(Gene::Role role, std::vector<std::size_t> layers) const {
  const LayerOffer& first = offers_[layers.front()];
  Gene gene{role, std::move(layers),
            role == Gene::Role::kActivation ? first.activation.formats : first.weight.formats};
  for (const std::size_t i : gene.layers) {
    for (const Offer* offer : {&offers_[i].weight, &offers_[i].activation}) {
      const bool of_weight = offer == &offers_[i].weight;
      if (role == (of_weight ? Gene::Role::kActivation : Gene::Role::kWeight)) continue;
      const std::vector<Format> before = gene.candidates;
      keep_common(gene.candidates, offer->formats);
      if (!gene.candidates.empty()) continue;
      throw ConfigError("search_space: layer '" + network_.layers[i].name + "' may take " +
                        list_text(offer->formats) + " for its " +
                        (of_weight ? "weight" : "activation") + ", what it is tied to (from '" +
                        network_.layers[gene.layers.front()].name + "' on) only " +
                        list_text(before) + "; give them a candidate in common, or untie them");
    }
  }
  return gene;
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
  std::vector<LayerChoice> choices = fixed_;
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
    throw ConfigError("policy: differs from the search space in a fixed or tied layer");
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

std::vector<LayerGenes> SearchSpace::layer_genes() const {
  std::map<std::size_t, LayerGenes> genes;
  for (std::size_t g = 0; g < genes_.size(); ++g) {
    for (const std::size_t i : genes_[g].layers) {
      genes[i].layer = i;
      if (genes_[g].role != Gene::Role::kActivation) genes[i].weight = g;
      if (genes_[g].role != Gene::Role::kWeight) genes[i].activation = g;
    }
  }
  std::vector<LayerGenes> list;
  for (const auto& entry : genes) list.push_back(entry.second);
  return list;
}

BitPolicy SearchSpace::at_widths(int weight_bits, int activation_bits) const {
  std::vector<LayerChoice> choices = fixed_;
  for (const LayerGenes& genes : layer_genes()) {
    LayerChoice& choice = choices[genes.layer];
    if (genes.weight) choice.weight = Format::of_width(weight_bits, true);
    if (genes.activation) {
      choice.activation =
          Format::of_width(activation_bits, network_.layers[genes.layer].signed_input);
    }
  }
  BitPolicy policy;
  for (std::size_t i = 0; i < choices.size(); ++i) policy.set(network_.layers[i].name, choices[i]);
  return policy;
}

SearchSpace SearchSpace::with_activation_widths(const std::vector<int>& widths) const {
  SearchSpace space = *this;
  for (Gene& gene : space.genes_) {
    if (gene.role != Gene::Role::kActivation) continue;
    for (const int width : widths) {
      const Format format = Format::integer(width, true);
      if (!holds(gene.candidates, format)) gene.candidates.push_back(format);
    }
  }
  return space;
}

}  // namespace deneb
