#pragma once

#include <torch/utils.h>

#include "tiny_network.h"

namespace nn_test {

/// Convolutions with batch norms made for them: with bias, without, grouped, padded by reflection;
/// and a batch norm that stands alone.
class Normed final : public deneb::Network {
 public:
  Normed() {
    using torch::nn::Conv2dOptions;
    add(Conv2dOptions(3, 8, 3).padding(1));
    add(Conv2dOptions(8, 8, 3).stride(2).bias(false));
    add(Conv2dOptions(8, 8, 3).padding(1).groups(4).bias(false));
    add(Conv2dOptions(8, 6, 3).padding(1).padding_mode(torch::kReflect).bias(false));
    alone = register_module("alone", deneb::nn::BatchNorm2d(6));
    torch::NoGradGuard no_grad;
    for (auto& norm : norms) scramble(*norm);
    scramble(*alone);
  }
  Tensor forward(Tensor x) override {
    for (std::size_t i = 0; i < convs.size(); ++i) x = norms[i](convs[i](x)).relu();
    return alone(x).mean({2, 3});
  }
  std::vector<std::int64_t> input_shape() const override { return {3, 9, 9}; }
  std::int64_t num_classes() const override { return 6; }

  std::vector<deneb::nn::Conv2d> convs;
  std::vector<deneb::nn::BatchNorm2d> norms;
  deneb::nn::BatchNorm2d alone{nullptr};

 private:
  void add(const torch::nn::Conv2dOptions& options) {
    const std::string index = std::to_string(convs.size());
    convs.push_back(register_module("conv" + index, deneb::nn::Conv2d(options)));
    norms.push_back(register_module("bn" + index, deneb::nn::BatchNorm2d(convs.back())));
  }
  static void scramble(deneb::nn::BatchNorm2dImpl& norm) {
    norm.weight.uniform_(-2, 2);
    norm.bias.uniform_(-1, 1);
    norm.running_mean.uniform_(-1, 1);
    norm.running_var.uniform_(0.1, 3);
  }
};

inline double distance(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace nn_test
