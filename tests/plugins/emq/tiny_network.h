#pragma once

#include <torch/types.h>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

namespace deneb::emq {

/// Two convolutions with ReLUs, average and a linear layer with round numbers for weights, float64:
/// the oracles of statistics and proxies were computed on it.
class TinyNetwork final : public Network {
 public:
  TinyNetwork() {
    conv1_ = register_module("conv1", convolution(1));
    conv2_ = register_module("conv2", convolution(2));
    fc_ = register_module("fc", nn::Linear(2, 3));
    to(torch::kFloat64);
    torch::NoGradGuard no_grad;
    fill(conv1_->weight, 7, 3, 11, 5, 10);
    fill(conv2_->weight, 5, 1, 13, 6, 10);
    fill(fc_->weight, 3, 1, 7, 3, 5);
    fc_->bias.copy_(torch::tensor({0.1, -0.1, 0.0}, torch::kFloat64));
  }
  using Network::forward;
  torch::Tensor forward(torch::Tensor x) override {
    x = conv1_(x).relu_();
    x = conv2_(x).relu_();
    return fc_(x.mean({2, 3}));
  }
  std::vector<std::int64_t> input_shape() const override { return {1, 4, 4}; }
  std::int64_t num_classes() const override { return 3; }

  /// Two images with the labels 0 and 2.
  static Batch batch() {
    Batch batch;
    batch["input"] = torch::empty({2, 1, 4, 4}, torch::kFloat64);
    fill(batch["input"], 5, 2, 9, 4, 4);
    batch["target"] = torch::tensor({0, 2}, torch::kInt64);
    return batch;
  }

 private:
  static nn::Conv2d convolution(int in) {
    return nn::Conv2d(torch::nn::Conv2dOptions(in, 2, 3).padding(1).bias(false));
  }
  /// Element k becomes ((step k + start) mod modulus - shift) / divisor.
  static void fill(torch::Tensor tensor, int step, int start, int modulus, int shift, int divisor) {
    const torch::Tensor k = torch::arange(tensor.numel(), torch::kInt64);
    const torch::Tensor values = (k * step + start).remainder(modulus) - shift;
    tensor.copy_((values.to(torch::kFloat64) / divisor).view(tensor.sizes()));
  }

  nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  nn::Linear fc_{nullptr};
};

}  // namespace deneb::emq
