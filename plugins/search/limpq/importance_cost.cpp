#include "importance_cost.h"

#include <filesystem>

namespace deneb::limpq {

// What an earlier step is to make is not there when the pipeline is checked.
ImportanceCost::ImportanceCost(const Options& options) : options_(options) {
  if (std::filesystem::exists(options_.indicators)) {
    indicators_ = read_indicators(options_.indicators);
  }
}

double ImportanceCost::layer(const LayerInfo& info, const LayerChoice& choice) const {
  if (indicators_.layers.empty()) {
    throw DataError("cost model importance: " + options_.indicators +
                    " does not exist; make it first or name another file");
  }
  const LayerIndicators* layer = indicators_.find(info.name);
  if (!layer) return 0;
  return of(layer->activation, choice.activation, info) +
         options_.alpha * of(layer->weight, choice.weight, info);
}

double ImportanceCost::of(const Importance& importance, const Format& format,
                          const LayerInfo& info) const {
  if (format.is_float32()) return 0;
  const auto found = format.is_integer() ? importance.find(format.bits) : importance.end();
  if (found != importance.end()) return found->second;
  throw ConfigError("cost model importance: " + options_.indicators + " has no indicator of " +
                    info.name + " for " + format.text());
}

}  // namespace deneb::limpq
