#include "inverted_residual_network.h"

#include <deneb/nn/initialization.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "module_tree.h"

namespace deneb::networks {
namespace {

using nn::BatchNorm2d;
using nn::Conv2d;
using torch::Tensor;
using Plan = InvertedResidualPlan;

Conv2d mobile_convolution(int in, int out, int kernel, const Plan& plan, int stride = 1,
                          int groups = 1) {
  const bool pads_itself = plan.tensorflow_padding && stride > 1;
  Conv2d layer(torch::nn::Conv2dOptions(in, out, kernel)
                   .stride(stride)
                   .padding(pads_itself ? 0 : kernel / 2)
                   .groups(groups)
                   .bias(false));
  if (nn::SkipInitialization::is_active()) return layer;
  torch::NoGradGuard no_grad;
  // He et al. 2015 by the fan out; LibTorch's leaves out the groups.
  layer->weight.normal_(0, std::sqrt(2.0 * groups / (double(kernel) * kernel * out)));
  return layer;
}

/// Zeros around an image that a convolution without padding is to halve.
Tensor padded_as_tensorflow(const Tensor& x, std::int64_t kernel) {
  const auto missing = [&](std::int64_t size) {
    return std::max<std::int64_t>(((size + 1) / 2 - 1) * 2 + kernel - size, 0);
  };
  const std::int64_t rows = missing(x.size(2)), columns = missing(x.size(3));
  return torch::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2});
}

Tensor convolved(Tensor x, Conv2d& conv, const Plan& plan) {
  if (plan.tensorflow_padding && (*conv->options.stride())[0] > 1) {
    x = padded_as_tensorflow(x, (*conv->options.kernel_size())[0]);
  }
  return conv(std::move(x));
}

Tensor activated(Tensor x, const Plan& plan) {
  return plan.activation == Plan::Activation::kSilu ? torch::silu_(x) : torch::hardtanh_(x, 0, 6);
}

/// Negative values of an activation are known without looking.
void declare_input(Conv2d& conv, const Plan& plan, bool behind_activation) {
  if (!behind_activation || plan.activation == Plan::Activation::kSilu) {
    conv->declare_signed_input();
  }
}

}  // namespace

class InvertedResidualImpl final : public torch::nn::Module {
 public:
  InvertedResidualImpl(const Plan& plan, const Plan::Stage& stage, int in)
      : plan_(plan), stage_(stage), adds_input_(stage.stride == 1 && stage.channels == in) {
    const int wide = stage.expanded > 0 ? stage.expanded : in;
    if (wide != in) {
      expand_ = add(next() + ".0", mobile_convolution(in, wide, 1, plan));
      expand_bn_ = add(last_ + ".1", BatchNorm2d(expand_, plan.norm));
      declare_input(expand_, plan, /*behind_activation=*/false);
    }
    depthwise_ =
        add(next() + ".0", mobile_convolution(wide, wide, stage.kernel, plan, stage.stride, wide));
    depthwise_bn_ = add(last_ + ".1", BatchNorm2d(depthwise_, plan.norm));
    declare_input(depthwise_, plan, /*behind_activation=*/true);
    if (stage.squeezed > 0) add_gate(next(), wide);
    const Conv2d project = mobile_convolution(wide, stage.channels, 1, plan);
    if (plan.nested_projection) {
      project_ = add(next() + ".0", project);
      project_bn_ = add(last_ + ".1", BatchNorm2d(project_, plan.norm));
    } else {
      project_ = add(next(), project);
      project_bn_ = add(next(), BatchNorm2d(project_, plan.norm));
    }
    declare_input(project_, plan, /*behind_activation=*/true);
  }

  Tensor forward(Tensor x) {
    const Tensor skip = adds_input_ ? x : Tensor();
    if (expand_) x = activated(expand_bn_(expand_(std::move(x))), plan_);
    x = activated(depthwise_bn_(convolved(std::move(x), depthwise_, plan_)), plan_);
    if (reduce_) x = x * gate(x);
    x = project_bn_(project_(std::move(x)));
    return adds_input_ ? kept_by_chance(x).add_(skip) : x;
  }

  /// Dotted names of its convolutions as they run.
  const std::vector<std::string>& layers() const { return layers_; }

 private:
  /// The next of the modules 0, 1, ... of the block, below the block.
  const std::string& next() { return last_ = std::to_string(count_++); }

  template <class Layer>
  Layer add(const std::string& name, Layer layer) {
    if constexpr (std::is_same_v<Layer, Conv2d>) layers_.push_back(stage_.at + "." + name);
    return place(name, std::move(layer));
  }
  template <class Layer>
  Layer place(const std::string& name, Layer layer) {
    const std::size_t dot = name.rfind('.');
    torch::nn::Module& parent =
        dot == std::string::npos ? *this : below(*this, name.substr(0, dot));
    return parent.register_module(dot == std::string::npos ? name : name.substr(dot + 1), layer);
  }

  void add_gate(const std::string& name, int channels) {
    const auto layer = [](int in, int out) {
      Conv2d conv(torch::nn::Conv2dOptions(in, out, 1));
      torch::NoGradGuard no_grad;
      conv->weight.normal_(0, std::sqrt(2.0 / out));
      conv->bias.zero_();
      conv->declare_signed_input();
      return conv;
    };
    pool_ = place(name + ".avgpool", nn::GlobalAvgPool2d());
    reduce_ = add(name + ".fc1", layer(channels, stage_.squeezed));
    grow_ = add(name + ".fc2", layer(stage_.squeezed, channels));
  }

  Tensor gate(const Tensor& x) {
    const Tensor mean = pool_(x).unsqueeze(2).unsqueeze(3);
    return grow_(activated(reduce_(mean), plan_)).sigmoid_();
  }

  /// In training the block counts for some samples only (Huang et al. 2016, stochastic depth).
  Tensor kept_by_chance(const Tensor& x) const {
    if (!is_training() || stage_.drop_chance <= 0) return x;
    const double chance = 1 - stage_.drop_chance;
    return x * torch::empty({x.size(0), 1, 1, 1}, x.options()).bernoulli_(chance).div_(chance);
  }

  const Plan& plan_;
  const Plan::Stage& stage_;
  bool adds_input_;
  int count_ = 0;
  std::string last_;
  std::vector<std::string> layers_;
  Conv2d expand_{nullptr}, depthwise_{nullptr}, reduce_{nullptr}, grow_{nullptr}, project_{nullptr};
  BatchNorm2d expand_bn_{nullptr}, depthwise_bn_{nullptr}, project_bn_{nullptr};
  nn::GlobalAvgPool2d pool_{nullptr};
};

InvertedResidualNetwork::InvertedResidualNetwork(InvertedResidualPlan plan)
    : plan_(std::move(plan)) {
  const auto add = [this](const std::string& name, const Conv2d& conv, BatchNorm2d& bn) {
    torch::nn::Module& parent = below(*this, name);
    parent.register_module("0", conv);
    bn = parent.register_module("1", BatchNorm2d(conv, plan_.norm));
    return conv;
  };
  int in = plan_.stem_channels;
  stem_ = add("features.0", mobile_convolution(plan_.in_channels, in, 3, plan_, /*stride=*/2),
              stem_bn_);
  for (const Plan::Stage& stage : plan_.blocks) {
    const std::size_t dot = stage.at.rfind('.');
    const auto block = std::make_shared<InvertedResidualImpl>(plan_, stage, in);
    blocks_.push_back(
        below(*this, stage.at.substr(0, dot)).register_module(stage.at.substr(dot + 1), block));
    in = stage.channels;
  }
  last_ = add(plan_.last_name, mobile_convolution(in, plan_.last_channels, 1, plan_), last_bn_);
  declare_input(last_, plan_, /*behind_activation=*/false);
  pool_ = register_module("avgpool", nn::GlobalAvgPool2d());
  classifier_ = below(*this, "classifier")
                    .register_module("1", nn::Linear(plan_.last_channels, plan_.num_classes));
  if (plan_.activation == Plan::Activation::kSilu) classifier_->declare_signed_input();
  if (nn::SkipInitialization::is_active()) return;
  torch::NoGradGuard no_grad;
  const double reach = 1 / std::sqrt(double(plan_.num_classes));
  plan_.uniform_classifier ? classifier_->weight.uniform_(-reach, reach)
                           : classifier_->weight.normal_(0, 0.01);
  classifier_->bias.zero_();
}

InvertedResidualNetwork::~InvertedResidualNetwork() = default;

Tensor InvertedResidualNetwork::stem(Tensor x) {
  return activated(stem_bn_(convolved(std::move(x), stem_, plan_)), plan_);
}

Tensor InvertedResidualNetwork::last(Tensor x) {
  return activated(last_bn_(last_(std::move(x))), plan_);
}

Tensor InvertedResidualNetwork::head(const Tensor& x) {
  return classifier_(torch::dropout(pool_(x), plan_.dropout, is_training()));
}

Tensor InvertedResidualNetwork::forward(Tensor x) {
  x = stem(std::move(x));
  for (const auto& block : blocks_) x = block->forward(std::move(x));
  return head(last(std::move(x)));
}

std::vector<std::int64_t> InvertedResidualNetwork::input_shape() const {
  return {plan_.in_channels, plan_.image_size, plan_.image_size};
}

std::vector<Block> InvertedResidualNetwork::blocks() {
  std::vector<Block> units;
  units.push_back(
      {"stem", {"features.0.0"}, [this](const Tensor& x, const Batch&) { return stem(x); }});
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    InvertedResidualImpl* block = blocks_[i].get();
    units.push_back({plan_.blocks[i].name, block->layers(),
                     [block](const Tensor& x, const Batch&) { return block->forward(x); }});
  }
  units.push_back({plan_.last_name,
                   {plan_.last_name + ".0"},
                   [this](const Tensor& x, const Batch&) { return last(x); }});
  units.push_back(
      {"head", {"classifier.1"}, [this](const Tensor& x, const Batch&) { return head(x); }});
  return units;
}

int rounded_channels(double channels) {
  const int nearest = std::max(8, int(channels + 4) / 8 * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

}  // namespace deneb::networks
