#include <deneb/plugin/plugin.h>

#include "../common/inception_network.h"

namespace {

using deneb::networks::BranchPlan;
using deneb::networks::ConvPlan;
using deneb::networks::InceptionPlan;
using deneb::networks::PoolPlan;
using Branches = std::vector<BranchPlan>;

struct InceptionV3Options {
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 299;

  template <class V>
  void visit(V& v) {
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {75, 1024});
  }
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
  explicit InceptionV3(const Options& o) : InceptionNetwork(plan(o)) {}

 private:
  static InceptionPlan plan(const Options& o) {
    InceptionPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.weight_deviation = 0.1;
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
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, InceptionV3>(
      "InceptionV3", "Inception network for ImageNet (Szegedy et al. 2016) in EdMIPS' order");
}

}  // namespace

DENEB_PLUGIN("inception_v3", "0.1.0", "Inception-V3 for ImageNet", register_all);
