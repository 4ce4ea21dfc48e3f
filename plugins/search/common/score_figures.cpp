#include "score_figures.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace deneb::searches {
namespace {

std::string what(QuantizerRole role) {
  return role == QuantizerRole::kWeight ? "weights" : "activations";
}

// Signed and unsigned integers of a width are one line: a layer has one of them.
std::string label_of(const Format& format) {
  return format.is_integer() ? std::to_string(format.bits) + " bits" : format.text();
}

// Every format that some layer has, widest first.
std::vector<Format> formats_of(const LayerScores& scores, QuantizerRole role) {
  std::vector<Format> formats;
  for (const LayerScore& layer : scores.layers) {
    for (const auto& entry : layer.of(role)) {
      const Format format = Format::parse(entry.first);
      const auto same = [&](const Format& f) { return label_of(f) == label_of(format); };
      if (std::none_of(formats.begin(), formats.end(), same)) formats.push_back(format);
    }
  }
  std::sort(formats.begin(), formats.end(), [](const Format& a, const Format& b) {
    return a.bits != b.bits ? a.bits > b.bits : label_of(a) < label_of(b);
  });
  return formats;
}

Figure figure_of(const LayerScores& scores, QuantizerRole role) {
  Figure figure;
  figure.name = "scores_of_" + what(role);
  figure.title = "Scores of " + what(role);
  figure.text = "The score of every layer in every format, for its " + what(role) +
                ". A large one means that the layer loses much in that format: it is to keep more "
                "bits than the others.";
  figure.x_label = "layer";
  figure.y_label = "score";
  figure.log_y = true;  // a bit less multiplies it
  for (const LayerScore& layer : scores.layers) figure.x_names.push_back(layer.name);
  for (const Format& format : formats_of(scores, role)) {
    FigureSeries series{label_of(format), {}};
    for (std::size_t i = 0; i < scores.layers.size(); ++i) {
      const auto score = find_score(scores.layers[i].of(role), format);
      if (score) series.points.emplace_back(double(i), *score);
    }
    figure.series.push_back(std::move(series));
  }
  return figure;
}

HeatMap heat_map_of(const LayerScores& scores, QuantizerRole role) {
  HeatMap map;
  map.name = "map_of_" + what(role);
  map.title = "Damage to " + what(role);
  map.text = "Score of every layer (columns) in every format (rows).";
  map.x_label = "layer";
  map.y_label = "format";
  map.value_label = "score";
  map.log_color = true;
  for (const LayerScore& layer : scores.layers) map.x_names.push_back(layer.name);
  for (const Format& format : formats_of(scores, role)) {
    map.y_names.push_back(label_of(format));
    map.values.emplace_back();
    for (const LayerScore& layer : scores.layers) {
      map.values.back().push_back(find_score(layer.of(role), format).value_or(std::nan("")));
    }
  }
  return map;
}

}  // namespace

std::vector<Figure> score_figures(const LayerScores& scores) {
  std::vector<Figure> figures;
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    if (!formats_of(scores, role).empty()) figures.push_back(figure_of(scores, role));
  }
  return figures;
}

std::vector<HeatMap> score_heat_maps(const LayerScores& scores) {
  std::vector<HeatMap> maps;
  for (const QuantizerRole role : {QuantizerRole::kWeight, QuantizerRole::kActivation}) {
    if (!formats_of(scores, role).empty()) maps.push_back(heat_map_of(scores, role));
  }
  return maps;
}

}  // namespace deneb::searches
