#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>
#include <deneb/nn/walk.h>

namespace nn_test {

using torch::Tensor;

/// Rounds to multiples of 2^-bits and counts what is asked of it.
class Rounding final : public deneb::Quantizer {
 public:
  Rounding() {
    step = register_parameter("step", torch::full({}, 0.5));
    flag = register_buffer("flag", torch::zeros({}, torch::kBool));
  }
  void attach(const deneb::QuantizerSite& new_site) override {
    ++attached;
    site = new_site;
  }
  bool accepts(const deneb::Format& format) const override { return format.bits <= most_bits; }
  void set_format(const deneb::Format& format) override {
    ++formatted;
    format_ = format;
  }
  deneb::Format format() const override { return format_; }
  Tensor quantize(const Tensor& x) override {
    ++used;
    flag.fill_(true);
    const double scale = std::exp2(format_.bits);
    return (x * scale).round() / scale;
  }

  Tensor step, flag;
  deneb::QuantizerSite site;
  int attached = 0, formatted = 0, used = 0, most_bits = 32;

 private:
  deneb::Format format_;
};

inline std::shared_ptr<Rounding> rounding(int bits) {
  auto quantizer = std::make_shared<Rounding>();
  quantizer->set_format(deneb::Format::integer(bits, true));
  return quantizer;
}

/// Input 4 x 6 x 6; conv1, a branching block (two layers read one tensor, one of them depthwise),
/// pooling, classifier. The second branch is registered first, but runs last.
class Tiny final : public deneb::Network {
 public:
  Tiny() {
    using torch::nn::Conv2dOptions;
    conv1 = register_module(
        "conv1", deneb::nn::Conv2d(Conv2dOptions(4, 8, 3).stride(2).padding(1).bias(false)));
    bn1 = register_module("bn1", deneb::nn::BatchNorm2d(8));
    auto block = register_module("block", std::make_shared<torch::nn::Module>());
    shortcut = block->register_module("shortcut", deneb::nn::Conv2d(Conv2dOptions(8, 8, 1)));
    depthwise = block->register_module(
        "depthwise", deneb::nn::Conv2d(Conv2dOptions(8, 8, 3).padding(1).groups(8).bias(false)));
    pool = register_module("pool", deneb::nn::GlobalAvgPool2d());
    fc = register_module("fc", deneb::nn::Linear(8, 5));
  }

  Tensor forward(Tensor x) override {
    x = bn1(conv1(x)).relu();
    const Tensor branch = depthwise(x);
    return fc(pool(branch + shortcut(x)));
  }
  std::vector<std::int64_t> input_shape() const override { return {4, 6, 6}; }
  std::int64_t num_classes() const override { return 5; }

  deneb::nn::Conv2d conv1{nullptr}, shortcut{nullptr}, depthwise{nullptr};
  deneb::nn::BatchNorm2d bn1{nullptr};
  deneb::nn::GlobalAvgPool2d pool{nullptr};
  deneb::nn::Linear fc{nullptr};
};

/// Name -> copy of the value.
inline std::vector<std::pair<std::string, Tensor>> copy_of(const deneb::Network& network) {
  auto state = deneb::state_of(network);
  for (auto& item : state) item.second = item.second.detach().clone();
  return state;
}

inline bool same_state(const std::vector<std::pair<std::string, Tensor>>& a,
                       const std::vector<std::pair<std::string, Tensor>>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !torch::equal(a[i].second, b[i].second)) return false;
  }
  return true;
}

}  // namespace nn_test
