#include "inception_network.h"

#include <deneb/nn/initialization.h>

#include <algorithm>
#include <cmath>

#include "module_tree.h"

namespace deneb::networks {
namespace {

using nn::BatchNorm2d;
using nn::Conv2d;
using torch::Tensor;

const nn::BatchNorm2dOptions kNormOptions{/*eps=*/1e-3};

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

// Of channels normalized by ImageNet's mean and deviation.
Tensor with_even_deviation(const Tensor& x) {
  const auto column = [&](std::vector<double> values) {
    return torch::tensor(values, x.options()).view({3, 1, 1});
  };
  const Tensor scale = column({0.229 / 0.5, 0.224 / 0.5, 0.225 / 0.5});
  const Tensor shift = column({(0.485 - 0.5) / 0.5, (0.456 - 0.5) / 0.5, (0.406 - 0.5) / 0.5});
  return x * scale + shift;
}

}  // namespace

// By the inverse of the distribution function: erf(sqrt 2) of all normal values lie within twice
// the deviation.
void fill_truncated_normal(Tensor weight, double deviation) {
  if (nn::SkipInitialization::is_active()) return;
  torch::NoGradGuard no_grad;
  const double inside = std::erf(std::sqrt(2.0));
  weight.uniform_(-inside, inside).erfinv_().mul_(deviation * std::sqrt(2.0));
  weight.clamp_(-2 * deviation, 2 * deviation);
}

AuxiliaryConvolution::AuxiliaryConvolution(int in, int out, int kernel, double weight_deviation) {
  conv_ = register_module("conv",
                          torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).bias(false)));
  bn_ = register_module(
      "bn", torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(out).eps(kNormOptions.eps)));
  fill_truncated_normal(conv_->weight, weight_deviation);
}

Tensor AuxiliaryConvolution::forward(const Tensor& x) { return bn_(conv_(x)).relu_(); }

/// Branches side by side, joined along the channels.
class InceptionModuleImpl final : public torch::nn::Module {
 public:
  InceptionModuleImpl(int in, const std::vector<BranchPlan>& branches, const InceptionPlan& plan)
      : edmips_order_(plan.edmips_order), deviation_(plan.weight_deviation) {
    if (edmips_order_) bn_ = register_module("bn", BatchNorm2d(in, kNormOptions));
    for (const BranchPlan& branch : branches) add(in, branch);
  }

  int channels() const { return channels_; }
  /// Names of its convolutions as they run.
  const std::vector<std::string>& layers() const { return layers_; }

  Tensor forward(const Tensor& x) {
    const Tensor shared = edmips_order_ ? bn_(x).relu_() : x;
    std::vector<Tensor> outputs;
    for (Branch& branch : branches_) {
      const bool pools = branch.pool.kind != PoolPlan::Kind::kNone;
      Tensor y = pools ? pooled(x, branch.pool) : shared;
      for (Layer& layer : branch.chain) y = run(layer, std::move(y));
      if (branch.fork.empty()) {
        outputs.push_back(std::move(y));
        continue;
      }
      if (branch.fork_bn) y = branch.fork_bn(y).relu_();
      for (Layer& layer : branch.fork) outputs.push_back(run(layer, y));
    }
    return torch::cat(outputs, 1);
  }

 private:
  struct Layer {
    BatchNorm2d bn{nullptr};  // none: reads a norm that it shares
    Conv2d conv{nullptr};
  };
  struct Branch {
    PoolPlan pool;
    std::vector<Layer> chain;
    BatchNorm2d fork_bn{nullptr};
    std::vector<Layer> fork;
  };

  Tensor run(Layer& layer, Tensor x) {
    if (!edmips_order_) return layer.bn(layer.conv(std::move(x))).relu_();
    if (layer.bn) x = layer.bn(x).relu_();
    return layer.conv(std::move(x));
  }

  void add(int in, const BranchPlan& plan) {
    Branch branch;
    branch.pool = plan.pool;
    const bool pools = plan.pool.kind != PoolPlan::Kind::kNone;
    for (const ConvPlan& conv : plan.chain) {
      Layer layer;
      if (edmips_order_ && !branch.chain.empty()) {
        layer.bn = BatchNorm2d(branch.chain.back().conv, kNormOptions);
      } else if (edmips_order_ && pools) {
        layer.bn = BatchNorm2d(in, kNormOptions);
      }
      branch.chain.push_back(placed(layer, in, conv));
      in = conv.channels;
    }
    if (edmips_order_ && !plan.fork.empty()) {
      branch.fork_bn = BatchNorm2d(branch.chain.back().conv, kNormOptions);
      below(*this, plan.fork_name).register_module("bn", branch.fork_bn);
    }
    for (const ConvPlan& conv : plan.fork) {
      branch.fork.push_back(placed({}, in, conv));
      channels_ += conv.channels;
    }
    if (plan.fork.empty()) channels_ += in;
    branches_.push_back(std::move(branch));
  }

  /// With its convolution, and the norm behind it in the standard order.
  Layer placed(Layer layer, int in, const ConvPlan& plan) {
    torch::nn::Module& own = below(*this, plan.name);
    layers_.push_back(plan.name + ".conv");
    if (layer.bn) own.register_module("bn", layer.bn);
    layer.conv = own.register_module("conv", convolution(in, plan, deviation_));
    if (!edmips_order_) {
      layer.bn = own.register_module("bn", BatchNorm2d(layer.conv, kNormOptions));
    }
    return layer;
  }

  bool edmips_order_;
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
    torch::nn::Module& own = below(*this, conv.name);
    StemLayer layer;
    if (plan_.edmips_order && i > 0) {
      const bool pools = plan_.stem[i - 1].pool.kind != PoolPlan::Kind::kNone;
      layer.bn =
          pools ? BatchNorm2d(in, kNormOptions) : BatchNorm2d(stem_.back().conv, kNormOptions);
      own.register_module("bn", layer.bn);
    }
    layer.conv = own.register_module("conv", convolution(in, conv, plan_.weight_deviation));
    if (!plan_.edmips_order) {
      layer.bn = own.register_module("bn", BatchNorm2d(layer.conv, kNormOptions));
    }
    stem_.push_back(layer);
    in = conv.channels;
  }
  for (const InceptionPlan::Module& module : plan_.modules) {
    modules_.push_back(register_module(
        module.name, std::make_shared<InceptionModuleImpl>(in, module.branches, plan_)));
    in = modules_.back()->channels();
  }
  for (const InceptionPlan::Auxiliary& auxiliary : plan_.auxiliary) {
    if (auxiliary.head) register_module(auxiliary.name, auxiliary.head);
  }
  if (plan_.edmips_order) bn_ = register_module("bn", BatchNorm2d(in, kNormOptions));
  pool_ = register_module("avgpool", nn::GlobalAvgPool2d());
  fc_ = register_module("fc", nn::Linear(in, plan_.num_classes));
  fill_truncated_normal(fc_->weight, plan_.weight_deviation);
}

InceptionNetwork::~InceptionNetwork() = default;

Tensor InceptionNetwork::stem(Tensor x) {
  if (plan_.transform_input) x = with_even_deviation(x);
  for (std::size_t i = 0; i < stem_.size(); ++i) {
    StemLayer& layer = stem_[i];
    if (plan_.edmips_order) {
      if (layer.bn) x = layer.bn(x).relu_();
      x = layer.conv(std::move(x));
    } else {
      x = layer.bn(layer.conv(std::move(x))).relu_();
    }
    x = pooled(x, plan_.stem[i].pool);
  }
  return x;
}

Tensor InceptionNetwork::module(std::size_t i, const Tensor& x) {
  return pooled(modules_[i]->forward(x), plan_.modules[i].pool);
}

Tensor InceptionNetwork::head(const Tensor& x) {
  const Tensor features = pool_(plan_.edmips_order ? bn_(x).relu_() : x);
  return fc_(torch::dropout(features, plan_.dropout, is_training()));
}

Tensor InceptionNetwork::run(Tensor x, Heads* heads) {
  x = stem(std::move(x));
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    x = module(i, x);
    if (!heads) continue;
    for (const InceptionPlan::Auxiliary& auxiliary : plan_.auxiliary) {
      if (!auxiliary.head || auxiliary.behind != plan_.modules[i].name) continue;
      (*heads)[auxiliary.name] = auxiliary.head->forward(x);
    }
  }
  return head(x);
}

Tensor InceptionNetwork::forward(Tensor x) { return run(std::move(x), nullptr); }

Output InceptionNetwork::forward(const Batch& batch) {
  Output output;
  output.logits = run(batch.input(), is_training() ? &output.auxiliary : nullptr);
  return output;
}

Network::NamedTensors InceptionNetwork::import_state(NamedTensors tensors) const {
  const auto serves_nobody = [this](const auto& entry) {
    return std::any_of(plan_.auxiliary.begin(), plan_.auxiliary.end(), [&](const auto& auxiliary) {
      return !auxiliary.head && entry.first.rfind(auxiliary.name + ".", 0) == 0;
    });
  };
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(), serves_nobody), tensors.end());
  return tensors;
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
