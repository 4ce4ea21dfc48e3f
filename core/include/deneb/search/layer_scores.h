#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <deneb/errors.h>
#include <deneb/quant/format.h>
#include <deneb/quant/quantizer_role.h>

namespace deneb {

/// Damage that a format does to one tensor of a layer, by format word ("int4", "uint4", "e4m3").
/// Smaller is better; any unit, finite.
using FormatScores = std::map<std::string, double>;

struct LayerScore {
  std::string name;  ///< dotted, as in LayerInfo
  FormatScores weight, activation;

  const FormatScores& of(QuantizerRole role) const {
    return role == QuantizerRole::kWeight ? weight : activation;
  }
};

/// What searches know about layers, in one form for all of them: learned step sizes, measured
/// sensitivities, proxies, -log of probabilities. Scores add up over layers and roles, so that an
/// exact assignment can turn them into a policy for any budget.
///
/// A score of an integer format holds for that width with or without sign: files may say "int4" of
/// an input that has no negative values.
struct DENEB_API LayerScores {
  std::string model;   ///< registered name of the network; may be empty
  std::string origin;  ///< what made them, for readers: "Sensitivity, kl"; may be empty
  std::vector<LayerScore> layers;

  /// nullptr when the layer has none.
  const LayerScore* find(const std::string& layer) const;
  /// Nothing where the layer or the format has none. float32 has the score 0 unless listed.
  std::optional<double> score(const std::string& layer, QuantizerRole role,
                              const Format& format) const;
};

/// Of one tensor; as LayerScores::score.
DENEB_API std::optional<double> find_score(const FormatScores& scores, const Format& format);

/// {"format": "deneb-layer-scores", "version": 1, "model", "origin", "layers": [{"name": ...,
/// "weight": {"int4": 0.1, ...}, "activation": {"uint4": 0.2, ...}}]}; unknown keys are for
/// readers. Also reads "deneb-importance-indicators" version 1, whose scores stand by width
/// ("bits": [6, 4], "weight": {"6": ...}, "act": {"6": ...}) and are positive. The prefix `module.`
/// of parallel wrappers is left out of names. DataError `file: where: what` for anything else: a
/// score that is no finite number, a word that is no format, a name given twice.
DENEB_API LayerScores read_layer_scores(const std::string& path);
/// Atomic; numbers read back exactly. RunError for a score that is not finite.
DENEB_API void write_layer_scores(const std::string& path, const LayerScores& scores);

}  // namespace deneb
