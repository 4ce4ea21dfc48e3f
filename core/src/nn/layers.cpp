#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/batch_norm.h>
#include <deneb/nn/layers.h>

#include <torch/nn/functional/linear.h>
#include <algorithm>

namespace deneb {

Network::~Network() = default;

torch::Tensor Network::forward(torch::Tensor) {
  throw PluginError(
      "network: implements neither forward(Tensor) nor forward(const Batch&); a network plugin "
      "must override one of them");
}

Batch Network::example_batch() const {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0x6465'6e65'62ull);
  std::vector<std::int64_t> shape = input_shape();
  shape.insert(shape.begin(), 1);
  Batch batch;
  batch["input"] = torch::randn(shape, generator);
  return batch;
}

Output Network::forward(const Batch& batch) { return {forward(batch.input()), {}}; }

Batch Batch::to(torch::Device device) const {
  Batch moved;
  for (const auto& [name, tensor] : tensors) moved.tensors[name] = tensor.to(device);
  return moved;
}

QuantLayer::~QuantLayer() = default;

void QuantLayer::install(const char* name, std::shared_ptr<Quantizer>& slot,
                         std::shared_ptr<Quantizer> next) {
  if (slot) module().unregister_module(name);
  slot = std::move(next);
  if (!slot) return;
  slot->train(module().is_training());
  module().register_module(name, slot);
}

void QuantLayer::set_quantizers(std::shared_ptr<Quantizer> weight,
                                std::shared_ptr<Quantizer> input) {
  install("weight_quantizer", weight_quantizer_, std::move(weight));
  install("input_quantizer", input_quantizer_, std::move(input));
}

namespace nn {

Conv2dImpl::Conv2dImpl(torch::nn::Conv2dOptions options) : torch::nn::Conv2dImpl(options) {}
Conv2dImpl::~Conv2dImpl() = default;

torch::Tensor Conv2dImpl::forward(const torch::Tensor& input) {
  const torch::Tensor x = quantized_input(input);
  torch::Tensor y = _conv_forward(x, quantized_weight(weight));
  tap(input, weight, y);
  return y;
}

LinearImpl::LinearImpl(torch::nn::LinearOptions options) : torch::nn::LinearImpl(options) {}
LinearImpl::~LinearImpl() = default;

torch::Tensor LinearImpl::forward(const torch::Tensor& input) {
  torch::Tensor y =
      torch::nn::functional::linear(quantized_input(input), quantized_weight(weight), bias);
  tap(input, weight, y);
  return y;
}

BatchNorm2dImpl::BatchNorm2dImpl(std::int64_t features, BatchNorm2dOptions o) : options(o) {
  weight = register_parameter("weight", torch::ones({features}));
  bias = register_parameter("bias", torch::zeros({features}));
  running_mean = register_buffer("running_mean", torch::zeros({features}));
  running_var = register_buffer("running_var", torch::ones({features}));
  num_batches_tracked = register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
}
BatchNorm2dImpl::~BatchNorm2dImpl() = default;

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& input) {
  if (input.size(0) > 0) last_elements_ = input.numel() / input.size(0);
  double momentum = options.momentum;
  if (is_training()) {
    // As torch::nn does: the variance of one value would make running_var NaN for good.
    TORCH_CHECK(input.numel() != input.size(1),
                "batch norm needs more than one value per channel in training, got ", input.sizes(),
                "; choose another batch_size, so that no last batch of one sample remains");
    num_batches_tracked.add_(1);
    if (momentum < 0) momentum = 1.0 / double(num_batches_tracked.item<std::int64_t>());
  }
  return at::batch_norm(input, weight, bias, running_mean, running_var, is_training(),
                        std::max(momentum, 0.0), options.eps,
                        at::globalContext().userEnabledCuDNN());
}

void BatchNorm2dImpl::reset_running_stats() {
  torch::NoGradGuard no_grad;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

GlobalAvgPool2dImpl::~GlobalAvgPool2dImpl() = default;

torch::Tensor GlobalAvgPool2dImpl::forward(const torch::Tensor& input) {
  // One addition per element and one division per output.
  last_ops_ = input.size(1) * (input.size(2) * input.size(3) + 1);
  return input.mean({2, 3});
}

}  // namespace nn
}  // namespace deneb
