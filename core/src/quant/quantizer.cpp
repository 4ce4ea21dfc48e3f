#include <deneb/quant/quantizer.h>

namespace deneb {

Quantizer::~Quantizer() = default;
QuantizerTraits Quantizer::traits() const { return {}; }
bool Quantizer::needs_calibration() const { return false; }
void Quantizer::start_calibration() {}
void Quantizer::finish_calibration() {}
bool Quantizer::is_weight(const torch::Tensor&) const { return false; }

}  // namespace deneb
