#include <deneb/quant/cost_model.h>
#include <deneb/quant/quantizer.h>

namespace deneb {

Quantizer::~Quantizer() = default;
QuantizerTraits Quantizer::traits() const { return {}; }
bool Quantizer::needs_calibration() const { return false; }
void Quantizer::start_calibration() {}
void Quantizer::finish_calibration() {}

CostModel::~CostModel() = default;

double CostModel::constant(const NetworkInfo&) const { return 0; }

double CostModel::total(const NetworkInfo& network, const BitPolicy& policy) const {
  double sum = constant(network);
  for (const LayerInfo& info : network.layers) {
    const LayerChoice* choice = policy.find(info.name);
    sum += layer(info, choice ? *choice : LayerChoice{});
  }
  return sum;
}

}  // namespace deneb
