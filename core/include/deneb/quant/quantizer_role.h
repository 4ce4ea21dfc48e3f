#pragma once

namespace deneb {

/// Which tensor of a layer a quantizer works on.
enum class QuantizerRole { kWeight, kActivation };

}  // namespace deneb
