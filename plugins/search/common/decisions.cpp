#include "decisions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace deneb::searches {
namespace {

constexpr double kSmallestProbability = 1e-30;
// Of the log of a probability beside the square of a width in bits.
constexpr double kKindShare = 1e-2;

double minus_log(double probability) {
  return -std::log(std::max(probability, kSmallestProbability));
}

/// How much less probable candidate i is than the best of its width, in log. Decides between an
/// integer and a small float of one width, which are equally far from any other.
double behind_its_width(const std::vector<Format>& candidates, const std::vector<double>& p,
                        std::size_t i) {
  double best = p[i];
  for (std::size_t j = 0; j < p.size(); ++j) {
    if (candidates[j].bits == candidates[i].bits) best = std::max(best, p[j]);
  }
  return minus_log(p[i]) - minus_log(best);
}

std::string plural(QuantizerRole role) {
  return role == QuantizerRole::kWeight ? "weights" : "inputs";
}

/// A row of a figure or a map: wide formats first, integers of a width without their sign.
using Row = std::pair<int, std::string>;

Row row_of(const Format& format) {
  return {-format.bits,
          format.is_integer() ? std::to_string(format.bits) + " bits" : format.text()};
}

Figure formats_of(const SearchSpace& space, const std::vector<Probabilities>& epochs,
                  QuantizerRole role) {
  std::map<Row, FigureSeries> lines;
  for (std::size_t e = 0; e < epochs.size(); ++e) {
    std::map<Row, double> sums;
    int count = 0;
    for (std::size_t g = 0; g < space.genes().size(); ++g) {
      const Gene& gene = space.genes()[g];
      if (!decides(gene, role)) continue;
      ++count;
      for (std::size_t i = 0; i < gene.candidates.size(); ++i) {
        sums[row_of(gene.candidates[i])] += epochs[e][g][i];
      }
    }
    for (const auto& [row, sum] : sums) {
      FigureSeries& line = lines[row];
      line.label = row.second;
      line.points.emplace_back(double(e + 1), sum / count);
    }
  }
  Figure figure;
  figure.name = "formats_of_" + plural(role);
  figure.title = "Formats of " + plural(role);
  figure.text = "How probable every format is, on average over all decisions.";
  figure.x_label = "epoch";
  figure.y_label = "mean probability";
  for (auto& entry : lines) figure.series.push_back(std::move(entry.second));
  return figure;
}

}  // namespace

bool decides(const Gene& gene, QuantizerRole role) {
  return gene.role !=
         (role == QuantizerRole::kWeight ? Gene::Role::kActivation : Gene::Role::kWeight);
}

Format in_place(const Format& candidate, bool is_signed) {
  return candidate.is_integer() ? Format::integer(candidate.bits, is_signed) : candidate;
}

std::vector<int> most_probable_genome(const Probabilities& probabilities,
                                      const std::vector<Gene>& genes) {
  std::vector<int> genome;
  for (std::size_t g = 0; g < genes.size(); ++g) {
    const auto& p = probabilities[g];
    std::size_t best = 0;
    for (std::size_t i = 1; i < p.size(); ++i) {
      const bool cheaper = genes[g].candidates[i].bits < genes[g].candidates[best].bits;
      if (p[i] > p[best] || (p[i] == p[best] && cheaper)) best = i;
    }
    genome.push_back(int(best));
  }
  return genome;
}

BitPolicy most_probable(const SearchSpace& space, const Probabilities& probabilities) {
  return space.decode(most_probable_genome(probabilities, space.genes()));
}

LayerScores scores_of(const SearchSpace& space, const Probabilities& probabilities,
                      const std::string& rounding, const std::string& search) {
  const bool by_mean = rounding == "mean";
  LayerScores scores;
  scores.model = space.network().model;
  scores.origin =
      search + (by_mean ? ", distance from the expected width" : ", -log of probabilities");
  for (const LayerGenes& genes : space.layer_genes()) {
    const LayerInfo& layer = space.network().layers[genes.layer];
    const auto side = [&](const std::optional<std::size_t>& gene, bool is_signed) {
      FormatScores side;
      if (!gene) return side;
      const auto& candidates = space.genes()[*gene].candidates;
      const auto& p = probabilities[*gene];
      const bool both = space.genes()[*gene].role == Gene::Role::kBoth;
      const double share = both ? 0.5 : 1, power = both ? 2 : 1;
      double mean = 0;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        mean += p[i] * std::pow(candidates[i].bits, power);
      }
      mean = std::pow(mean, 1 / power);
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const double score = by_mean ? std::pow(candidates[i].bits - mean, 2) +
                                           kKindShare * behind_its_width(candidates, p, i)
                                     : minus_log(p[i]);
        side[in_place(candidates[i], is_signed).text()] = share * score;
      }
      return side;
    };
    scores.layers.push_back(
        {layer.name, side(genes.weight, true), side(genes.activation, layer.signed_input)});
  }
  return scores;
}

double mean_entropy(const SearchSpace& space, const Probabilities& probabilities,
                    QuantizerRole role) {
  double sum = 0;
  int count = 0;
  for (std::size_t g = 0; g < probabilities.size(); ++g) {
    if (!decides(space.genes()[g], role) || probabilities[g].size() < 2) continue;
    double entropy = 0;
    for (const double p : probabilities[g]) entropy -= p > 0 ? p * std::log(p) : 0;
    sum += entropy / std::log(double(probabilities[g].size()));
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

Figure step_figure(const std::string& name, const std::string& title, const std::string& text,
                   const std::string& y_label, std::vector<FigureSeries> series) {
  Figure figure;
  figure.name = name;
  figure.title = title;
  figure.text = text;
  figure.x_label = "step";
  figure.y_label = y_label;
  figure.series = std::move(series);
  return figure;
}

std::vector<Figure> formats_over_epochs(const SearchSpace& space,
                                        const std::vector<Probabilities>& epochs) {
  std::vector<Figure> figures;
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    Figure figure = formats_of(space, epochs, role);
    if (!figure.series.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<HeatMap> probability_maps(const SearchSpace& space, const Probabilities& p) {
  std::vector<HeatMap> maps;
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    HeatMap map;
    map.name = "probabilities_of_" + plural(role);
    map.title = "Probabilities of " + plural(role);
    map.text = "Of every format (rows) for every layer (columns), at the end of the search.";
    map.x_label = "layer";
    map.y_label = "format";
    map.value_label = "probability";
    map.lower_is_better = false;
    std::map<Row, std::vector<double>> rows;
    const std::vector<LayerGenes> layers = space.layer_genes();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const auto& gene = role == QuantizerRole::kWeight ? layers[l].weight : layers[l].activation;
      map.x_names.push_back(space.network().layers[layers[l].layer].name);
      if (!gene) continue;
      for (std::size_t i = 0; i < p[*gene].size(); ++i) {
        auto& row = rows[row_of(space.genes()[*gene].candidates[i])];
        row.resize(layers.size(), std::nan(""));
        row[l] = p[*gene][i];
      }
    }
    for (auto& [row, values] : rows) {
      map.y_names.push_back(row.second);
      map.values.push_back(std::move(values));
    }
    if (!map.values.empty()) maps.push_back(std::move(map));
  }
  return maps;
}

}  // namespace deneb::searches
