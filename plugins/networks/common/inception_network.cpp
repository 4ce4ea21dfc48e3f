#include "inception_network.h"

#include <cmath>

#include "module_tree.h"

namespace deneb::networks {
namespace {

using nn::BatchNorm2d;
using nn::Conv2d;
using torch::Tensor;

const nn::BatchNorm2dOptions kNormOptions{/*eps=*/1e-3};

// By the inverse of the distribution function: erf(sqrt 2) of all normal values lie within twice
// the deviation.
void fill_truncated_normal(Tensor weight, double deviation) {
  torch::NoGradGuard no_grad;
  const double inside = std::erf(std::sqrt(2.0));
  weight.uniform_(-inside, inside).erfinv_().mul_(deviation * std::sqrt(2.0));
  weight.clamp_(-2 * deviation, 2 * deviation);
}

Conv2d convolution(int in, const ConvPlan& plan, double deviation) {
  torch::nn::Conv2dOptions options(in, plan.channels, {plan.height, plan.width});
  options.stride(plan.stride).bias(false);
  if (plan.padded) options.padding({plan.height / 2, plan.width / 2});
  Conv2d layer(options);
  fill_truncated_normal(layer->weight, deviation);
  return layer;
}

Tensor pooled(const Tensor& x, const PoolPlan& plan) {
  switch (plan.kind) {
    case PoolPlan::Kind::kMax:
      return torch::max_pool2d(x, plan.kernel, plan.stride, plan.padding, /*dilation=*/1,
                               plan.round_up);
    case PoolPlan::Kind::kAverage:
      return torch::avg_pool2d(x, plan.kernel, plan.stride, plan.padding, plan.round_up);
    case PoolPlan::Kind::kNone:
      break;
  }
  return x;
}

}  // namespace

/// Branches side by side, joined along the channels.
class InceptionModuleImpl final : public torch::nn::Module {
 public:
  InceptionModuleImpl(int in, const std::vector<BranchPlan>& branches, double deviation)
      : deviation_(deviation) {
    bn_ = register_module("bn", BatchNorm2d(in, kNormOptions));
    for (const BranchPlan& plan : branches) add(in, plan);
  }

  int channels() const { return channels_; }
  /// Names of its convolutions as they run.
  const std::vector<std::string>& layers() const { return layers_; }

  Tensor forward(const Tensor& x) {
    const Tensor normed = bn_(x).relu_();
    std::vector<Tensor> outputs;
    for (Branch& branch : branches_) {
      const bool pools = branch.pool.kind != PoolPlan::Kind::kNone;
      Tensor y = pools ? pooled(x, branch.pool) : normed;
      for (Layer& layer : branch.chain) {
        if (layer.bn) y = layer.bn(y).relu_();
        y = layer.conv(std::move(y));
      }
      if (branch.fork.empty()) {
        outputs.push_back(std::move(y));
        continue;
      }
      y = branch.fork_bn(y).relu_();
      for (Conv2d& conv : branch.fork) outputs.push_back(conv(y));
    }
    return torch::cat(outputs, 1);
  }

 private:
  struct Layer {
    BatchNorm2d bn{nullptr};  // none: reads the norm that branches share
    Conv2d conv{nullptr};
  };
  struct Branch {
    PoolPlan pool;
    std::vector<Layer> chain;
    BatchNorm2d fork_bn{nullptr};
    std::vector<Conv2d> fork;
  };

  void add(int in, const BranchPlan& plan) {
    Branch branch;
    branch.pool = plan.pool;
    for (const ConvPlan& conv : plan.chain) {
      Layer layer;
      if (!branch.chain.empty()) {
        layer.bn = BatchNorm2d(branch.chain.back().conv, kNormOptions);
      } else if (plan.pool.kind != PoolPlan::Kind::kNone) {
        layer.bn = BatchNorm2d(in, kNormOptions);
      }
      if (layer.bn) below(*this, conv.name).register_module("bn", layer.bn);
      layer.conv = add_convolution(in, conv);
      branch.chain.push_back(layer);
      in = conv.channels;
    }
    if (plan.fork.empty()) {
      channels_ += in;
    } else {
      branch.fork_bn = BatchNorm2d(branch.chain.back().conv, kNormOptions);
      below(*this, plan.fork_name).register_module("bn", branch.fork_bn);
    }
    for (const ConvPlan& conv : plan.fork) {
      branch.fork.push_back(add_convolution(in, conv));
      channels_ += conv.channels;
    }
    branches_.push_back(std::move(branch));
  }

  Conv2d add_convolution(int in, const ConvPlan& plan) {
    layers_.push_back(plan.name + ".conv");
    return below(*this, plan.name).register_module("conv", convolution(in, plan, deviation_));
  }

  double deviation_;
  int channels_ = 0;
  std::vector<std::string> layers_;
  BatchNorm2d bn_{nullptr};
  std::vector<Branch> branches_;
};

InceptionNetwork::InceptionNetwork(InceptionPlan plan) : plan_(std::move(plan)) {
  int in = plan_.in_channels;
  for (std::size_t i = 0; i < plan_.stem.size(); ++i) {
    const ConvPlan& conv = plan_.stem[i].conv;
    StemLayer layer;
    if (i > 0) {
      const bool pools = plan_.stem[i - 1].pool.kind != PoolPlan::Kind::kNone;
      layer.bn =
          pools ? BatchNorm2d(in, kNormOptions) : BatchNorm2d(stem_.back().conv, kNormOptions);
      below(*this, conv.name).register_module("bn", layer.bn);
    }
    layer.conv = below(*this, conv.name)
                     .register_module("conv", convolution(in, conv, plan_.weight_deviation));
    stem_.push_back(layer);
    in = conv.channels;
  }
  for (const InceptionPlan::Module& module : plan_.modules) {
    modules_.push_back(register_module(
        module.name,
        std::make_shared<InceptionModuleImpl>(in, module.branches, plan_.weight_deviation)));
    in = modules_.back()->channels();
  }
  bn_ = register_module("bn", BatchNorm2d(in, kNormOptions));
  pool_ = register_module("avgpool", nn::GlobalAvgPool2d());
  fc_ = register_module("fc", nn::Linear(in, plan_.num_classes));
  fill_truncated_normal(fc_->weight, plan_.weight_deviation);
}

InceptionNetwork::~InceptionNetwork() = default;

Tensor InceptionNetwork::stem(Tensor x) {
  for (std::size_t i = 0; i < stem_.size(); ++i) {
    if (stem_[i].bn) x = stem_[i].bn(x).relu_();
    x = pooled(stem_[i].conv(std::move(x)), plan_.stem[i].pool);
  }
  return x;
}

Tensor InceptionNetwork::module(std::size_t i, const Tensor& x) {
  return pooled(modules_[i]->forward(x), plan_.modules[i].pool);
}

Tensor InceptionNetwork::head(const Tensor& x) { return fc_(pool_(bn_(x).relu_())); }

Tensor InceptionNetwork::forward(Tensor x) {
  x = stem(std::move(x));
  for (std::size_t i = 0; i < modules_.size(); ++i) x = module(i, x);
  return head(x);
}

std::vector<std::int64_t> InceptionNetwork::input_shape() const {
  return {plan_.in_channels, plan_.image_size, plan_.image_size};
}

std::vector<Block> InceptionNetwork::blocks() {
  std::vector<Block> units;
  units.push_back({"stem", {}, [this](const Tensor& x, const Batch&) { return stem(x); }});
  for (const InceptionPlan::Stem& layer : plan_.stem) {
    units.back().layers.push_back(layer.conv.name + ".conv");
  }
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    const std::string& name = plan_.modules[i].name;
    units.push_back({name, {}, [this, i](const Tensor& x, const Batch&) { return module(i, x); }});
    for (const std::string& layer : modules_[i]->layers()) {
      units.back().layers.push_back(name + "." + layer);
    }
  }
  units.push_back({"head", {"fc"}, [this](const Tensor& x, const Batch&) { return head(x); }});
  return units;
}

}  // namespace deneb::networks
