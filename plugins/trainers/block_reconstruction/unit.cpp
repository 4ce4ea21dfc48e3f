#include "unit.h"

#include <torch/utils.h>

#include <map>

#include <deneb/nn/walk.h>

namespace deneb::reconstruction {
namespace {

using torch::Tensor;

class Dropping final : public Quantizer {
 public:
  Dropping(std::shared_ptr<Quantizer> quantizer, double probability)
      : quantizer_(std::move(quantizer)), probability_(probability) {}
  void attach(const QuantizerSite&) override {}
  bool accepts(const Format& format) const override { return quantizer_->accepts(format); }
  void set_format(const Format& format) override { quantizer_->set_format(format); }
  Format format() const override { return quantizer_->format(); }
  Tensor quantize(const Tensor& x) override {
    return at::where(at::rand_like(x) < probability_, x, quantizer_->quantize(x));
  }

 private:
  std::shared_ptr<Quantizer> quantizer_;
  double probability_;
};

}  // namespace

std::vector<Tensor> Unit::roundings() const {
  std::vector<Tensor> all;
  for (const UnitLayer& layer : layers) {
    if (layer.rounding) all.push_back(layer.rounding->rounding_parameter());
  }
  return all;
}

std::vector<Tensor> Unit::steps() const {
  std::vector<Tensor> all;
  for (const UnitLayer& layer : layers) {
    if (!layer.input) continue;
    for (const Tensor& parameter : layer.input->parameters()) all.push_back(parameter);
  }
  return all;
}

void Unit::set_rounding(AdaptiveRounding::Rounding rounding) const {
  for (const UnitLayer& layer : layers) {
    if (layer.rounding) layer.rounding->set_rounding(rounding);
  }
}

void Unit::quantize_inputs(bool on) const {
  for (const UnitLayer& layer : layers) {
    layer.layer->set_quantizers(layer.weight, on ? layer.input : nullptr);
  }
}

std::vector<Unit> units_of(Network& quantized, Network& original) {
  const std::vector<Block> theirs = original.blocks();
  const std::vector<Block> blocks = quantized.blocks();
  if (blocks.empty()) {
    throw ConfigError(
        "network: it has no reconstruction units (Network::blocks), which the trainer "
        "BlockReconstruction needs; choose another network or trainer");
  }
  std::map<std::string, QuantLayer*> layers;
  for (const NamedQuantLayer& named : quant_layers(quantized)) layers[named.name] = named.layer;
  std::vector<Unit> units;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (theirs.size() != blocks.size() || theirs[i].name != blocks[i].name) {
      throw ConfigError("BlockReconstruction: the teacher has other units than the network");
    }
    Unit unit{blocks[i].name, blocks[i], theirs[i], {}};
    for (const std::string& name : blocks[i].layers) {
      QuantLayer* layer = layers.at(name);
      const auto& weight = layer->weight_quantizer();
      unit.layers.push_back({name, layer, weight, layer->input_quantizer(),
                             dynamic_cast<AdaptiveRounding*>(weight.get())});
    }
    units.push_back(std::move(unit));
  }
  return units;
}

DroppedQuantization::DroppedQuantization(const Unit& unit, double probability) : unit_(unit) {
  for (const UnitLayer& layer : unit.layers) {
    if (!layer.input) continue;
    layer.layer->set_quantizers(layer.weight, std::make_shared<Dropping>(layer.input, probability));
  }
}

DroppedQuantization::~DroppedQuantization() { unit_.quantize_inputs(true); }

UnderReconstruction::UnderReconstruction(Network& network, const std::vector<Unit>& units)
    : network_(network), units_(units), training_(network.is_training()) {
  for (Tensor& parameter : network.parameters()) {
    if (!parameter.requires_grad()) continue;
    trained_.push_back(parameter);
    parameter.set_requires_grad(false);
  }
  network.eval();
  for (const Unit& unit : units) unit.set_rounding(AdaptiveRounding::Rounding::kHard);
}

UnderReconstruction::~UnderReconstruction() {
  for (const Unit& unit : units_) {
    unit.quantize_inputs(true);
    unit.set_rounding(AdaptiveRounding::Rounding::kByMode);
  }
  for (Tensor& parameter : trained_) parameter.set_requires_grad(true);
  network_.train(training_);
}

}  // namespace deneb::reconstruction
