#pragma once

#include <deneb/nn/network.h>
#include <deneb/search/search_algorithm.h>

/// A network of the step, for searches that put quantizers of their own into its open decisions.
namespace deneb::searches {

/// Puts the step's quantizers where the search space fixes a format. What it leaves open stays
/// float.
void apply_fixed(SearchContext& context, Network& network);

/// Shows the step's calibration batches to all quantizers of the network that wait for data. The
/// network must be on the context's device.
void calibrate(SearchContext& context, Network& network);

}  // namespace deneb::searches
