#include <deneb/plugin/plugin.h>

#include "../common/inception_network.h"

namespace {

using deneb::networks::InceptionPlan;
using deneb::networks::PoolPlan;

struct GoogLeNetOptions {
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {32, 1024});
  }
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

InceptionPlan::Module module_of(const Widths& w) {
  InceptionPlan::Module module;
  module.name = w.name;
  module.branches = {
      {{}, {{"branch1", w.branch1}}, {}, ""},
      {{}, {{"branch2.0", w.reduced2}, {"branch2.1", w.branch2, 3, 3}}, {}, ""},
      // A 5x5 kernel as in the paper; torchvision's has 3x3.
      {{}, {{"branch3.0", w.reduced3}, {"branch3.1", w.branch3, 5, 5}}, {}, ""},
      {{PoolPlan::Kind::kMax, 3, /*stride=*/1, /*padding=*/1}, {{"branch4.1", w.branch4}}, {}, ""}};
  if (w.pool_behind > 0) module.pool = halving(w.pool_behind);
  return module;
}

class GoogLeNet final : public deneb::networks::InceptionNetwork {
 public:
  using Options = GoogLeNetOptions;
  explicit GoogLeNet(const Options& o) : InceptionNetwork(plan(o)) {}

 private:
  static InceptionPlan plan(const Options& o) {
    InceptionPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.weight_deviation = 0.01;
    plan.stem = {{{"conv1", 64, 7, 7, /*stride=*/2}, halving(3)},
                 {{"conv2", 64}, {}},
                 {{"conv3", 192, 3, 3}, halving(3)}};
    for (const Widths& widths : {Widths{"inception3a", 64, 96, 128, 16, 32, 32},
                                 {"inception3b", 128, 128, 192, 32, 96, 64, 3},
                                 {"inception4a", 192, 96, 208, 16, 48, 64},
                                 {"inception4b", 160, 112, 224, 24, 64, 64},
                                 {"inception4c", 128, 128, 256, 24, 64, 64},
                                 {"inception4d", 112, 144, 288, 32, 64, 64},
                                 {"inception4e", 256, 160, 320, 32, 128, 128, 2},
                                 {"inception5a", 256, 160, 320, 32, 128, 128},
                                 {"inception5b", 384, 192, 384, 48, 128, 128}}) {
      plan.modules.push_back(module_of(widths));
    }
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, GoogLeNet>(
      "GoogLeNet", "Inception network for ImageNet (Szegedy et al. 2015) in EdMIPS' order");
}

}  // namespace

DENEB_PLUGIN("googlenet", "0.1.0", "GoogLeNet for ImageNet", register_all);
