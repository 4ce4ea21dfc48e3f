#pragma once

#include <deneb/data/data_loader.h>
#include <deneb/nn/network.h>
#include <deneb/train/fit.h>

#include "options.h"

namespace deneb::reconstruction {

/// Post-training quantization unit by unit: BRECQ (Li et al. 2021, arXiv 2102.05426) with AdaRound
/// (Nagel et al. 2020, arXiv 2004.10568). Both networks come folded. First the rounding of weights
/// is learned, unit by unit in forward order, so that the unit gives on what the quantized network
/// hands it what the float unit gives on what the float network hands it; then the steps of
/// activations. One EpochRecord per unit and pass: `train_loss` is the error at the end, the
/// measure `error_before` that at the start.
///
/// Writes the checkpoint after every unit. Errors as Trainer::fit, and ConfigError for a network
/// without units, or where nothing can be learned: no weight quantizer with AdaptiveRounding, no
/// parameters in the quantizers of activations.
FitResult reconstruct(const BlockReconstructionOptions& options, Network& network,
                      const DataLoader& data, const FitRequest& request);

/// What reconstruct() would refuse a network with these quantizers for: ConfigError as there.
void check_network(const BlockReconstructionOptions& options, Network& network);

}  // namespace deneb::reconstruction
