#include <deneb/plugin/plugin.h>
#include <torch/nn/modules/linear.h>

#include "../common/inception_network.h"

namespace {

using deneb::networks::InceptionPlan;
using deneb::networks::PoolPlan;

struct GoogLeNetOptions {
  std::string order = "standard";
  bool auxiliary = false;
  bool transform_input = false;
  double dropout = 0.2;
  double auxiliary_dropout = 0.7;
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("order", order,
      "standard: torchvision's network; edmips: batch norm, ReLU, convolution, as EdMIPS quantizes "
      "it, with 5x5 kernels and neither dropout nor auxiliary heads",
      {"standard", "edmips"});
    v("auxiliary", auxiliary,
      "in training two further classifiers, aux1 and aux2, which criterion.auxiliary_weight "
      "counts");
    v("transform_input", transform_input,
      "for torchvision's own weights: normalized images are taken to mean 0.5 and deviation 0.5");
    v("dropout", dropout, "before fc, in training", {0, 0.99});
    v("auxiliary_dropout", auxiliary_dropout, "before the last layer of auxiliary classifiers",
      {0, 0.99});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {32, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (order == "edmips" && auxiliary) {
      errors.add("auxiliary", "EdMIPS' order has no auxiliary heads; use order \"standard\"");
    }
    if (transform_input && in_channels != 3) {
      errors.add("transform_input",
                 "needs 3 channels, in_channels says " + std::to_string(in_channels));
    }
  }
};

/// torchvision's InceptionAux.
class Head final : public deneb::networks::AuxiliaryHead {
 public:
  Head(int in, const GoogLeNetOptions& o, double weight_deviation) : dropout_(o.auxiliary_dropout) {
    conv_ = register_module("conv", std::make_shared<deneb::networks::AuxiliaryConvolution>(
                                        in, kChannels, /*kernel=*/1, weight_deviation));
    fc1_ = register_module("fc1", torch::nn::Linear(kChannels * kExtent * kExtent, 1024));
    fc2_ = register_module("fc2", torch::nn::Linear(1024, o.num_classes));
    for (const auto& layer : {fc1_, fc2_}) {
      deneb::networks::fill_truncated_normal(layer->weight, weight_deviation);
    }
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = conv_->forward(torch::adaptive_avg_pool2d(x, {kExtent, kExtent})).flatten(1);
    x = torch::dropout(fc1_(x).relu_(), dropout_, is_training());
    return fc2_(x);
  }

 private:
  static constexpr int kChannels = 128, kExtent = 4;
  double dropout_;
  std::shared_ptr<deneb::networks::AuxiliaryConvolution> conv_;
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr};
};

/// Channels of the branches: 1x1; 1x1 then 3x3; 1x1 then 5x5; pooling then 1x1.
struct Widths {
  const char* name;
  int branch1, reduced2, branch2, reduced3, branch3, branch4;
  int pool_behind = 0;  // kernel
};

PoolPlan halving(int kernel) {
  return {PoolPlan::Kind::kMax, kernel, /*stride=*/2, /*padding=*/0, /*round_up=*/true};
}

InceptionPlan::Module module_of(const Widths& w, int kernel3) {
  InceptionPlan::Module module;
  module.name = w.name;
  module.branches = {
      {{}, {{"branch1", w.branch1}}, {}, ""},
      {{}, {{"branch2.0", w.reduced2}, {"branch2.1", w.branch2, 3, 3}}, {}, ""},
      {{}, {{"branch3.0", w.reduced3}, {"branch3.1", w.branch3, kernel3, kernel3}}, {}, ""},
      {{PoolPlan::Kind::kMax, 3, /*stride=*/1, /*padding=*/1}, {{"branch4.1", w.branch4}}, {}, ""}};
  if (w.pool_behind > 0) module.pool = halving(w.pool_behind);
  return module;
}

class GoogLeNet final : public deneb::networks::InceptionNetwork {
 public:
  using Options = GoogLeNetOptions;
  explicit GoogLeNet(const Options& o) : InceptionNetwork(plan_of(o)) {}

 private:
  static InceptionPlan plan_of(const Options& o) {
    InceptionPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.weight_deviation = 0.01;
    plan.edmips_order = o.order == "edmips";
    plan.transform_input = o.transform_input;
    plan.dropout = plan.edmips_order ? 0 : o.dropout;
    plan.stem = {{{"conv1", 64, 7, 7, /*stride=*/2}, halving(3)},
                 {{"conv2", 64}, {}},
                 {{"conv3", 192, 3, 3}, halving(3)}};
    // Differs from Szegedy et al. 2015, who have 5x5 kernels: those of torchvision's weights.
    const int kernel3 = plan.edmips_order ? 5 : 3;
    for (const Widths& widths : {Widths{"inception3a", 64, 96, 128, 16, 32, 32},
                                 {"inception3b", 128, 128, 192, 32, 96, 64, 3},
                                 {"inception4a", 192, 96, 208, 16, 48, 64},
                                 {"inception4b", 160, 112, 224, 24, 64, 64},
                                 {"inception4c", 128, 128, 256, 24, 64, 64},
                                 {"inception4d", 112, 144, 288, 32, 64, 64},
                                 {"inception4e", 256, 160, 320, 32, 128, 128, 2},
                                 {"inception5a", 256, 160, 320, 32, 128, 128},
                                 {"inception5b", 384, 192, 384, 48, 128, 128}}) {
      plan.modules.push_back(module_of(widths, kernel3));
    }
    const auto head = [&](int in) {
      return o.auxiliary ? std::make_shared<Head>(in, o, plan.weight_deviation) : nullptr;
    };
    plan.auxiliary = {{"aux1", "inception4a", head(512)}, {"aux2", "inception4d", head(528)}};
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, GoogLeNet>(
      "GoogLeNet", "Inception network for ImageNet (Szegedy et al. 2015), torchvision's names");
}

}  // namespace

DENEB_PLUGIN("googlenet", "0.1.0", "GoogLeNet for ImageNet", register_all);
