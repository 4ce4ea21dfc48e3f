#pragma once

#include <vector>

#include <deneb/search/search_algorithm.h>

#include "indicators.h"

namespace deneb::limpq {

/// Measured importance, beside the learned one: every searched layer is quantized alone, its weight
/// or its input at one of the widths `bits` (descending) and all else float, and tried as the step
/// says; the indicator is by how much the validation loss rises above that of the float network, or
/// the evaluator's first metric gets worse where it measures no loss. A width never gets a smaller
/// indicator than the next larger one, and none gets less than 1e-6: what is below is noise.
/// Trials: 1 + 2 layers widths. RunError when one of them fails.
Indicators probe_indicators(SearchContext& context, const std::vector<int>& bits);

}  // namespace deneb::limpq
