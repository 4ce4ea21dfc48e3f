#pragma once

#include "../common/groups.h"
#include "float_grid.h"

namespace deneb::quantizers {

/// y = q(x / s) s with q = round_to_grid() and one scale s > 0 to each group, in the order of the
/// values. float32 in host memory, one pass over memory.
void float_forward(const float* x, float* y, const Groups& groups, const float* scales,
                   const FloatGrid& grid);

}  // namespace deneb::quantizers
