#include <deneb/plugin/plugin.h>
#include <torch/nn/modules/linear.h>

#include "../common/inception_network.h"

namespace {

using deneb::networks::BranchPlan;
using deneb::networks::ConvPlan;
using deneb::networks::InceptionPlan;
using deneb::networks::PoolPlan;
using Branches = std::vector<BranchPlan>;

constexpr int kSmallestWithHead = 299;

struct InceptionV3Options {
  std::string order = "standard";
  bool auxiliary = false;
  bool transform_input = false;
  double dropout = 0.5;
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 299;

  template <class V>
  void visit(V& v) {
    v("order", order,
      "standard: torchvision's network; edmips: batch norm, ReLU, convolution, as EdMIPS quantizes "
      "it, with neither dropout nor auxiliary head",
      {"standard", "edmips"});
    v("auxiliary", auxiliary,
      "in training a further classifier, AuxLogits, which criterion.auxiliary_weight counts");
    v("transform_input", transform_input,
      "for torchvision's own weights: normalized images are taken to mean 0.5 and deviation 0.5");
    v("dropout", dropout, "before fc, in training", {0, 0.99});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {75, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (order == "edmips" && auxiliary) {
      errors.add("auxiliary", "EdMIPS' order has no auxiliary head; use order \"standard\"");
    }
    if (auxiliary && image_size < kSmallestWithHead) {
      errors.add("auxiliary", "the head needs an image_size of at least " +
                                  std::to_string(kSmallestWithHead) + ", it is " +
                                  std::to_string(image_size));
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
  Head(int in, int num_classes, double weight_deviation) {
    using deneb::networks::AuxiliaryConvolution;
    conv0_ = register_module(
        "conv0", std::make_shared<AuxiliaryConvolution>(in, 128, /*kernel=*/1, weight_deviation));
    conv1_ = register_module("conv1", std::make_shared<AuxiliaryConvolution>(
                                          128, 768, /*kernel=*/5, /*weight_deviation=*/0.01));
    fc_ = register_module("fc", torch::nn::Linear(768, num_classes));
    deneb::networks::fill_truncated_normal(fc_->weight, 0.001);
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = conv0_->forward(torch::avg_pool2d(x, /*kernel_size=*/5, /*stride=*/3));
    return fc_(conv1_->forward(x).mean({2, 3}));
  }

 private:
  std::shared_ptr<deneb::networks::AuxiliaryConvolution> conv0_, conv1_;
  torch::nn::Linear fc_{nullptr};
};

const PoolPlan kHalving = {PoolPlan::Kind::kMax, 3, /*stride=*/2};

ConvPlan halving(const char* name, int channels) {
  return {name, channels, 3, 3, /*stride=*/2, /*padded=*/false};
}

BranchPlan chain(std::vector<ConvPlan> layers) { return {{}, std::move(layers), {}, ""}; }

BranchPlan pool_branch(int channels) {
  return {{PoolPlan::Kind::kAverage, 3, /*stride=*/1, /*padding=*/1},
          {{"branch_pool", channels}},
          {},
          ""};
}

BranchPlan pooling_alone() { return {kHalving, {}, {}, ""}; }

// Figure 5 of the paper.
Branches module_a(int pool_channels) {
  return {
      chain({{"branch1x1", 64}}), chain({{"branch5x5_1", 48}, {"branch5x5_2", 64, 5, 5}}),
      chain({{"branch3x3dbl_1", 64}, {"branch3x3dbl_2", 96, 3, 3}, {"branch3x3dbl_3", 96, 3, 3}}),
      pool_branch(pool_channels)};
}

// 35x35 to 17x17.
Branches module_b() {
  return {
      chain({halving("branch3x3", 384)}),
      chain({{"branch3x3dbl_1", 64}, {"branch3x3dbl_2", 96, 3, 3}, halving("branch3x3dbl_3", 96)}),
      pooling_alone()};
}

// Figure 6, with n = 7.
Branches module_c(int c) {
  return {chain({{"branch1x1", 192}}),
          chain({{"branch7x7_1", c}, {"branch7x7_2", c, 1, 7}, {"branch7x7_3", 192, 7, 1}}),
          chain({{"branch7x7dbl_1", c},
                 {"branch7x7dbl_2", c, 7, 1},
                 {"branch7x7dbl_3", c, 1, 7},
                 {"branch7x7dbl_4", c, 7, 1},
                 {"branch7x7dbl_5", 192, 1, 7}}),
          pool_branch(192)};
}

// 17x17 to 8x8.
Branches module_d() {
  return {chain({{"branch3x3_1", 192}, halving("branch3x3_2", 320)}),
          chain({{"branch7x7x3_1", 192},
                 {"branch7x7x3_2", 192, 1, 7},
                 {"branch7x7x3_3", 192, 7, 1},
                 halving("branch7x7x3_4", 192)}),
          pooling_alone()};
}

// Figure 7.
Branches module_e() {
  BranchPlan wide = chain({{"branch3x3_1", 384}});
  wide.fork = {{"branch3x3_2a", 384, 1, 3}, {"branch3x3_2b", 384, 3, 1}};
  wide.fork_name = "branch3x3_2";
  BranchPlan deep = chain({{"branch3x3dbl_1", 448}, {"branch3x3dbl_2", 384, 3, 3}});
  deep.fork = {{"branch3x3dbl_3a", 384, 1, 3}, {"branch3x3dbl_3b", 384, 3, 1}};
  deep.fork_name = "branch3x3dbl_3";
  return {chain({{"branch1x1", 320}}), wide, deep, pool_branch(192)};
}

class InceptionV3 final : public deneb::networks::InceptionNetwork {
 public:
  using Options = InceptionV3Options;
  explicit InceptionV3(const Options& o) : InceptionNetwork(plan_of(o)) {}

 private:
  static InceptionPlan plan_of(const Options& o) {
    InceptionPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.weight_deviation = 0.1;
    plan.edmips_order = o.order == "edmips";
    plan.transform_input = o.transform_input;
    plan.dropout = plan.edmips_order ? 0 : o.dropout;
    plan.stem = {{halving("Conv2d_1a_3x3", 32), {}},
                 {{"Conv2d_2a_3x3", 32, 3, 3, /*stride=*/1, /*padded=*/false}, {}},
                 {{"Conv2d_2b_3x3", 64, 3, 3}, kHalving},
                 {{"Conv2d_3b_1x1", 80}, {}},
                 {{"Conv2d_4a_3x3", 192, 3, 3, /*stride=*/1, /*padded=*/false}, kHalving}};
    plan.modules = {{"Mixed_5b", module_a(32), {}},  {"Mixed_5c", module_a(64), {}},
                    {"Mixed_5d", module_a(64), {}},  {"Mixed_6a", module_b(), {}},
                    {"Mixed_6b", module_c(128), {}}, {"Mixed_6c", module_c(160), {}},
                    {"Mixed_6d", module_c(160), {}}, {"Mixed_6e", module_c(192), {}},
                    {"Mixed_7a", module_d(), {}},    {"Mixed_7b", module_e(), {}},
                    {"Mixed_7c", module_e(), {}}};
    plan.auxiliary = {{"AuxLogits", "Mixed_6e", nullptr}};
    if (o.auxiliary) {
      plan.auxiliary[0].head = std::make_shared<Head>(768, o.num_classes, plan.weight_deviation);
    }
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, InceptionV3>(
      "InceptionV3", "Inception network for ImageNet (Szegedy et al. 2016), torchvision's names");
}

}  // namespace

DENEB_PLUGIN("inception_v3", "0.1.0", "Inception-V3 for ImageNet", register_all);
