#include "indicator_figures.h"

#include <string>

namespace deneb::limpq {
namespace {

using Side = Importance LayerIndicators::*;

FigureSeries series_of(const Indicators& indicators, Side side, int width) {
  FigureSeries series{std::to_string(width) + " bits", {}};
  for (std::size_t i = 0; i < indicators.layers.size(); ++i) {
    const Importance& importance = indicators.layers[i].*side;
    const auto found = importance.find(width);
    if (found != importance.end()) series.points.emplace_back(double(i), found->second);
  }
  return series;
}

Figure figure_of(const Indicators& indicators, Side side, const std::string& what) {
  Figure figure;
  figure.name = "importance_of_" + what;
  figure.title = "Importance of " + what;
  figure.text = "The indicator of every layer at every width, for its " + what +
                ". A large one means that the layer loses much at that width: it is to keep more "
                "bits than the others.";
  figure.x_label = "layer";
  figure.y_label = "indicator";
  figure.log_y = true;  // a bit less about doubles it, in any layer
  for (const LayerIndicators& layer : indicators.layers) figure.x_names.push_back(layer.name);
  for (const int width : indicators.bits) {
    figure.series.push_back(series_of(indicators, side, width));
  }
  return figure;
}

}  // namespace

std::vector<Figure> indicator_figures(const Indicators& indicators) {
  return {figure_of(indicators, &LayerIndicators::weight, "weights"),
          figure_of(indicators, &LayerIndicators::activation, "activations")};
}

}  // namespace deneb::limpq
