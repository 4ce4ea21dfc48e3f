#include <deneb/plugin/plugin.h>

#include <array>
#include <optional>

#include "../common/residual_network.h"

namespace {

struct Layout {
  bool bottleneck;
  std::array<int, 4> blocks;  // of each stage
};

std::optional<Layout> layout_of(int depth) {
  switch (depth) {
    case 18:
      return Layout{false, {2, 2, 2, 2}};
    case 34:
      return Layout{false, {3, 4, 6, 3}};
    case 50:
      return Layout{true, {3, 4, 6, 3}};
    case 101:
      return Layout{true, {3, 4, 23, 3}};
    default:
      return std::nullopt;
  }
}

struct ResNetOptions {
  int depth = 50;
  std::string order = "standard";
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("depth", depth, "layers: 18, 34 (blocks of two 3x3 convolutions), 50 or 101 (bottlenecks)",
      {18, 101});
    v("order", order,
      "standard: convolution, batch norm, ReLU; edmips: batch norm, ReLU, convolution, as EdMIPS "
      "quantizes it",
      {"standard", "edmips"});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {32, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (!layout_of(depth)) {
      errors.add("depth", std::to_string(depth) + " is not known; use 18, 34, 50 or 101");
    }
  }
};

class ResNet final : public deneb::networks::ResidualNetwork {
 public:
  using Options = ResNetOptions;
  explicit ResNet(const Options& o) : ResidualNetwork(plan(o)) {}

 private:
  static deneb::networks::ResidualPlan plan(const Options& o) {
    const Layout layout = layout_of(o.depth).value();
    deneb::networks::ResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.stem_channels = 64;
    plan.large_stem = true;
    plan.bottleneck = layout.bottleneck;
    plan.edmips_order = o.order == "edmips";
    int channels = layout.bottleneck ? 256 : 64;
    for (const int blocks : layout.blocks) {
      plan.stages.push_back({channels, blocks});
      channels *= 2;
    }
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, ResNet>(
      "ResNet", "residual network for ImageNet (He et al. 2016) with torchvision's names");
}

}  // namespace

DENEB_PLUGIN("resnet", "0.1.0", "ResNet-18/34/50/101 for ImageNet", register_all);
