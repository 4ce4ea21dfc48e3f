#include <deneb/plugin/plugin.h>

#include "../common/residual_network.h"

namespace {

struct ResNetCifarOptions {
  int depth = 20;
  int base_channels = 16;
  std::string shortcut = "projection";
  std::string order = "standard";
  int num_classes = 10;
  int in_channels = 3;
  int image_size = 32;

  template <class V>
  void visit(V& v) {
    v("depth", depth, "layers: 6n + 2 (20, 32, 44, 56, 110)", {8, 1202});
    v("base_channels", base_channels, "channels of the first stage; doubled twice", {1, 1024});
    v("shortcut", shortcut,
      "where the shape changes: 1x1 convolution with batch norm, or subsampling with zero padding "
      "(He et al. 2016, options B and A)",
      {"projection", "zero_padding"});
    v("order", order,
      "standard: convolution, batch norm, ReLU; edmips: batch norm, ReLU, convolution, as EdMIPS "
      "quantizes it",
      {"standard", "edmips"});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {4, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if ((depth - 2) % 6 != 0) {
      const int below = (depth - 2) / 6 * 6 + 2;
      errors.add("depth", std::to_string(depth) + " is not 6n + 2; use " + std::to_string(below) +
                              " or " + std::to_string(below + 6));
    }
  }
};

class ResNetCifar final : public deneb::networks::ResidualNetwork {
 public:
  using Options = ResNetCifarOptions;
  explicit ResNetCifar(const Options& o) : ResidualNetwork(plan(o)) {}

 private:
  static deneb::networks::ResidualPlan plan(const Options& o) {
    const int blocks = (o.depth - 2) / 6;
    deneb::networks::ResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.stem_channels = o.base_channels;
    plan.edmips_order = o.order == "edmips";
    plan.zero_padding = o.shortcut == "zero_padding";
    for (int stage = 0; stage < 3; ++stage)
      plan.stages.push_back({o.base_channels << stage, blocks});
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, ResNetCifar>(
      "ResNetCifar", "residual network for 32x32 images (He et al. 2016), 6n + 2 layers");
}

}  // namespace

DENEB_PLUGIN("resnet_cifar", "0.1.0", "ResNet-20/32/44/56/110 for CIFAR", register_all);
