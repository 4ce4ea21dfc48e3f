#include <deneb/plugin/plugin.h>

#include "../common/residual_network.h"

namespace {

struct MiniResNetOptions {
  int width = 8;
  int blocks = 1;
  int num_classes = 10;
  int in_channels = 1;
  int image_size = 8;

  template <class V>
  void visit(V& v) {
    v("width", width, "channels of the first stage; the second has twice as many", {1, 1024});
    v("blocks", blocks, "residual blocks in each of the two stages", {1, 100});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {4, 1024});
  }
};

class MiniResNet final : public deneb::networks::ResidualNetwork {
 public:
  using Options = MiniResNetOptions;
  explicit MiniResNet(const Options& o) : ResidualNetwork(plan(o)) {}

 private:
  static deneb::networks::ResidualPlan plan(const Options& o) {
    deneb::networks::ResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.stem_channels = o.width;
    plan.stages = {{o.width, o.blocks}, {2 * o.width, o.blocks}};
    plan.early_shortcut = true;
    return plan;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, MiniResNet>("MiniResNet", "small residual network for 8x8 digits");
}

}  // namespace

DENEB_PLUGIN("mini_resnet", "0.1.0", "small residual network for digits", register_all);
