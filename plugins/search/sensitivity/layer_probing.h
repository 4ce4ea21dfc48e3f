#pragma once

#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "sensitivity_options.h"

namespace deneb::sensitivity {

/// Measures what every format of the search space does to the network when a single tensor takes
/// it, the weight or the input of one searched layer, and all else is float: without training,
/// after calibration, on the validation samples. What lies before the layer is not computed again
/// where the network tells its units (Network::blocks()).
///
/// Batches are shared out to the workers of the context; how many there are changes nothing.
/// Finished batches are kept in a file of the step's folder, so that an interrupted measurement
/// goes on. Errors: RunError for a measurement that is not finite, and those of network, quantizers
/// and data.
LayerScores probe_layers(SearchContext& context, const SensitivityOptions& options);

}  // namespace deneb::sensitivity
