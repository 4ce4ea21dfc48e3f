#include <ATen/CPUGeneratorImpl.h>
#include <deneb/nn/network.h>

namespace deneb {

Network::~Network() = default;

torch::Tensor Network::forward(torch::Tensor) {
  throw PluginError(
      "network: implements neither forward(Tensor) nor forward(const Batch&); a network plugin "
      "must override one of them");
}

Output Network::forward(const Batch& batch) { return {forward(batch.input()), {}}; }

Batch Network::example_batch() const {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0x6465'6e65'62ull);
  std::vector<std::int64_t> shape = input_shape();
  shape.insert(shape.begin(), 1);
  Batch batch;
  batch["input"] = torch::randn(shape, generator);
  return batch;
}

std::vector<Block> Network::blocks() { return {}; }

Network::NamedTensors Network::import_state(NamedTensors tensors) const { return tensors; }

}  // namespace deneb
