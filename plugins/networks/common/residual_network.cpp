#include "residual_network.h"

#include <deneb/nn/initialization.h>

#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

namespace deneb::networks {
namespace {

using nn::BatchNorm2d;
using nn::Conv2d;

Conv2d convolution(int in, int out, int kernel, int stride) {
  Conv2d layer(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  if (!nn::SkipInitialization::is_active()) {
    torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanOut, torch::kReLU);
  }
  return layer;
}

}  // namespace

/// torchvision's BasicBlock (conv1, conv2) or Bottleneck (conv1, conv2, conv3); in EdMIPS' order
/// with one more norm, bn0.
class ResidualBlockImpl final : public torch::nn::Module {
 public:
  ResidualBlockImpl(const ResidualPlan& plan, int in, int out, int stride)
      : stride_(stride), extra_channels_(out - in), early_shortcut_(plan.early_shortcut) {
    if (plan.edmips_order) bn0_ = register_module("bn0", BatchNorm2d(in));
    if (plan.bottleneck) {
      const int width = out / 4;
      add(convolution(in, width, 1, 1));
      // Differs from He et al. 2016, who put the stride into conv1: torchvision's "v1.5".
      add(convolution(width, width, 3, stride));
      add(convolution(width, out, 1, 1));
    } else {
      add(convolution(in, out, 3, stride));
      add(convolution(out, out, 3, 1));
    }
    if (plan.zero_padding || !changes_shape()) return;
    projection_ = convolution(in, out, 1, stride);
    projection_bn_ = BatchNorm2d(projection_);
    torch::nn::ModuleList downsample;
    downsample->push_back(projection_);
    downsample->push_back(projection_bn_);
    register_module("downsample", downsample);
  }

  torch::Tensor forward(torch::Tensor x) {
    if (bn0_) return forward_edmips(std::move(x));
    torch::Tensor y = bns_[0](convs_[0](x)), skip;
    for (std::size_t i = 1; i < convs_.size(); ++i) {
      y.relu_();
      if (early_shortcut_ && i + 1 == convs_.size()) skip = shortcut(std::move(x));
      y = bns_[i](convs_[i](std::move(y)));
    }
    if (!early_shortcut_) skip = shortcut(std::move(x));
    return y.add_(skip).relu_();
  }

  /// Names of its convolutions as they run, below `name`.
  std::vector<std::string> layers(const std::string& name) const {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= convs_.size(); ++i) {
      names.push_back(name + ".conv" + std::to_string(i));
    }
    if (projection_) {
      names.insert(early_shortcut_ ? names.end() - 1 : names.end(), name + ".downsample.0");
    }
    return names;
  }

 private:
  void add(const Conv2d& layer) {
    const std::string number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("conv" + number, layer));
    bns_.push_back(register_module("bn" + number, BatchNorm2d(layer)));
  }

  torch::Tensor forward_edmips(torch::Tensor x) {
    torch::Tensor y = bn0_(x).relu_();
    if (projection_) x = y;
    for (std::size_t i = 0; i < convs_.size(); ++i) {
      if (i > 0) y.relu_();
      y = bns_[i](convs_[i](std::move(y)));
    }
    return y.add_(shortcut(std::move(x)));
  }

  bool changes_shape() const { return stride_ != 1 || extra_channels_ != 0; }

  torch::Tensor shortcut(torch::Tensor x) {
    if (projection_) return projection_bn_(projection_(std::move(x)));
    if (!changes_shape()) return x;
    using torch::indexing::None;
    using torch::indexing::Slice;
    const Slice thinned(None, None, stride_);
    const int before = extra_channels_ / 2;
    return torch::constant_pad_nd(x.index({Slice(), Slice(), thinned, thinned}),
                                  {0, 0, 0, 0, before, extra_channels_ - before});
  }

  int stride_, extra_channels_;
  bool early_shortcut_;
  BatchNorm2d bn0_{nullptr};
  std::vector<Conv2d> convs_;
  std::vector<BatchNorm2d> bns_;
  Conv2d projection_{nullptr};
  BatchNorm2d projection_bn_{nullptr};
};

ResidualNetwork::ResidualNetwork(ResidualPlan plan) : plan_(std::move(plan)) {
  int in = plan_.stem_channels;
  const int kernel = plan_.large_stem ? 7 : 3, stride = plan_.large_stem ? 2 : 1;
  conv1_ = register_module("conv1", convolution(plan_.in_channels, in, kernel, stride));
  const bool pools_first = plan_.edmips_order && plan_.large_stem;
  bn1_ = register_module("bn1", pools_first ? BatchNorm2d(in) : BatchNorm2d(conv1_));
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    const ResidualPlan::Stage& stage = plan_.stages[s];
    const std::string name = "layer" + std::to_string(s + 1);
    torch::nn::ModuleList layer;
    for (int b = 0; b < stage.blocks; ++b) {
      const auto block =
          std::make_shared<ResidualBlockImpl>(plan_, in, stage.channels, b == 0 && s > 0 ? 2 : 1);
      layer->push_back(block);
      blocks_.push_back({name + "." + std::to_string(b), block});
      in = stage.channels;
    }
    register_module(name, layer);
  }
  pool_ = register_module("avgpool", nn::GlobalAvgPool2d());
  fc_ = register_module("fc", nn::Linear(in, plan_.num_classes));
}

ResidualNetwork::~ResidualNetwork() = default;

torch::Tensor ResidualNetwork::stem(torch::Tensor x) {
  const auto pooled = [this](const torch::Tensor& y) {
    if (!plan_.large_stem) return y;
    return torch::max_pool2d(y, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
  };
  x = conv1_(std::move(x));
  return plan_.edmips_order ? bn1_(pooled(x)) : pooled(bn1_(x).relu_());
}

torch::Tensor ResidualNetwork::head(const torch::Tensor& x) {
  return fc_(pool_(plan_.edmips_order ? x.relu() : x));
}

torch::Tensor ResidualNetwork::forward(torch::Tensor x) {
  x = stem(std::move(x));
  for (const NamedBlock& unit : blocks_) x = unit.block->forward(std::move(x));
  return head(x);
}

std::vector<std::int64_t> ResidualNetwork::input_shape() const {
  return {plan_.in_channels, plan_.image_size, plan_.image_size};
}

std::vector<Block> ResidualNetwork::blocks() {
  using torch::Tensor;
  std::vector<Block> units;
  units.push_back({"stem", {"conv1"}, [this](const Tensor& x, const Batch&) { return stem(x); }});
  for (const NamedBlock& unit : blocks_) {
    const auto run = [block = unit.block](const Tensor& x, const Batch&) {
      return block->forward(x);
    };
    units.push_back({unit.name, unit.block->layers(unit.name), run});
  }
  units.push_back({"head", {"fc"}, [this](const Tensor& x, const Batch&) { return head(x); }});
  return units;
}

}  // namespace deneb::networks
