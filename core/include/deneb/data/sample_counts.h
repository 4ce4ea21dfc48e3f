#pragma once

#include <cstdint>

#include <deneb/errors.h>

namespace deneb {

/// Samples that data loaders have given out.
struct SampleCounts {
  std::int64_t training = 0;    ///< in training order: training, calibration, batch norms
  std::int64_t evaluation = 0;  ///< in fixed order: validation and test, statistics of layers
};

/// By all streams of this process since its start. Never falls. Any thread.
DENEB_API SampleCounts samples_drawn();

}  // namespace deneb
