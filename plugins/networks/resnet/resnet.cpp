#include <deneb/plugin/plugin.h>

#include <array>
#include <optional>

#include "../common/module_names.h"
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
  std::string stem = "imagenet";
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
    v("stem", stem,
      "imagenet: 7x7 convolution with stride 2, max pooling; cifar: 3x3 with stride 1, no pooling",
      {"imagenet", "cifar"});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size,
      "height and width of the image; at least 32, or 8 with the stem of CIFAR", {8, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (!layout_of(depth)) {
      errors.add("depth", std::to_string(depth) + " is not known; use 18, 34, 50 or 101");
    }
    if (stem == "imagenet" && image_size < 32) {
      errors.add("image_size", std::to_string(image_size) +
                                   " is too small; use 32 or more, or \"stem\": \"cifar\"");
    }
  }
};

class ResNet final : public deneb::networks::ResidualNetwork {
 public:
  using Options = ResNetOptions;
  explicit ResNet(const Options& o) : ResidualNetwork(plan_of(o)) {}

  NamedTensors import_state(NamedTensors tensors) const override {
    return deneb::networks::rename_modules(std::move(tensors), hugging_face_names(), "resnet.");
  }

 private:
  static deneb::networks::ResidualPlan plan_of(const Options& o) {
    const Layout layout = layout_of(o.depth).value();
    deneb::networks::ResidualPlan plan;
    plan.in_channels = o.in_channels;
    plan.image_size = o.image_size;
    plan.num_classes = o.num_classes;
    plan.stem_channels = 64;
    plan.large_stem = o.stem == "imagenet";
    plan.bottleneck = layout.bottleneck;
    plan.edmips_order = o.order == "edmips";
    int channels = layout.bottleneck ? 256 : 64;
    for (const int blocks : layout.blocks) {
      plan.stages.push_back({channels, blocks});
      channels *= 2;
    }
    return plan;
  }

  deneb::networks::ModuleNames hugging_face_names() const {
    deneb::networks::ModuleNames names = {{"classifier.1", "fc"}};
    const auto add = [&names](const std::string& theirs, const std::string& conv,
                              const std::string& bn) {
      names[theirs + ".convolution"] = conv;
      names[theirs + ".normalization"] = bn;
    };
    add("embedder.embedder", "conv1", "bn1");
    for (std::size_t s = 0; s < plan().stages.size(); ++s) {
      for (int b = 0; b < plan().stages[s].blocks; ++b) {
        const std::string block = std::to_string(b);
        const std::string theirs = "encoder.stages." + std::to_string(s) + ".layers." + block + ".";
        const std::string ours = "layer" + std::to_string(s + 1) + "." + block + ".";
        add(theirs + "shortcut", ours + "downsample.0", ours + "downsample.1");
        for (int i = 0; i < (plan().bottleneck ? 3 : 2); ++i) {
          const std::string number = std::to_string(i + 1);
          add(theirs + "layer." + std::to_string(i), ours + "conv" + number, ours + "bn" + number);
        }
      }
    }
    return names;
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, ResNet>(
      "ResNet", "residual network for ImageNet or CIFAR (He et al. 2016) with torchvision's names");
}

}  // namespace

DENEB_PLUGIN("resnet", "0.1.0", "ResNet-18/34/50/101 for ImageNet and CIFAR", register_all);
