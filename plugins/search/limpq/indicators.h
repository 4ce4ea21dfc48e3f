#pragma once

#include <map>
#include <string>
#include <vector>

#include <deneb/errors.h>

/// Importance indicators of LIMPQ (Tang et al. 2022, arXiv 2203.08368): the step size that a layer
/// learned at each width. A large step means that the layer loses much there.
namespace deneb::limpq {

/// Width -> indicator, finite and positive.
using Importance = std::map<int, double>;

struct LayerIndicators {
  std::string name;  ///< dotted, without the prefix `module.` of parallel wrappers
  Importance weight, activation;
};

struct Indicators {
  std::string model;
  std::vector<int> bits;  ///< descending
  std::vector<LayerIndicators> layers;

  /// nullptr when the layer has none.
  const LayerIndicators* find(const std::string& name) const;
};

/// {"format": "deneb-importance-indicators", "version": 1, "model": ..., "quantizer": "lsq",
/// "bits": [6, 5, ...], "layers": [{"name": ..., "weight": {"6": s, ...}, "act": {...}}]}; unknown
/// keys are for readers. DataError `file: where: what` for anything else: a missing width, an
/// indicator that is not a positive finite number, a name given twice.
Indicators read_indicators(const std::string& path);
/// Atomic; numbers read back exactly.
void write_indicators(const std::string& path, const Indicators& indicators);

/// The widths of `bits` (descending) that stay: a width whose indicator is smaller than that of the
/// next larger one is an outlier, the largest never is. All are judged before any is left out.
/// Differs from LIMPQ's code (quantization_search/search.py), which compares width b with b - 1
/// whether or not that is a candidate; the same for lists without gaps.
std::vector<int> without_outliers(const Importance& importance, const std::vector<int>& bits);

}  // namespace deneb::limpq
