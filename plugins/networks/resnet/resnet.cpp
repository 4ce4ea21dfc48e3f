#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

#include <array>
#include <optional>

namespace {

using deneb::nn::BatchNorm2d;
using deneb::nn::Conv2d;

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
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("depth", depth, "layers: 18, 34 (blocks of two 3x3 convolutions), 50 or 101 (bottlenecks)",
      {18, 101});
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

Conv2d conv(int in, int out, int kernel, int stride) {
  Conv2d layer(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanOut, torch::kReLU);
  return layer;
}

/// torchvision's BasicBlock (conv1, conv2) or Bottleneck (conv1, conv2, conv3).
class BlockImpl final : public torch::nn::Module {
 public:
  BlockImpl(int in, int width, int out, int stride, bool bottleneck) {
    if (bottleneck) {
      add(conv(in, width, 1, 1));
      // Differs from He et al. 2016, who put the stride into conv1: torchvision's "v1.5".
      add(conv(width, width, 3, stride));
      add(conv(width, out, 1, 1));
    } else {
      add(conv(in, width, 3, stride));
      add(conv(width, out, 3, 1));
    }
    if (stride != 1 || in != out) {
      const Conv2d projected = conv(in, out, 1, stride);
      downsample_ =
          register_module("downsample", torch::nn::Sequential(projected, BatchNorm2d(projected)));
    }
  }

  torch::Tensor forward(torch::Tensor x) {
    torch::Tensor y = bns_[0](convs_[0](x));
    for (std::size_t i = 1; i < convs_.size(); ++i) {
      y.relu_();
      y = bns_[i](convs_[i](std::move(y)));
    }
    if (!downsample_.is_empty()) x = downsample_->forward(std::move(x));
    return y.add_(x).relu_();
  }

 private:
  void add(const Conv2d& layer) {
    const std::string number = std::to_string(convs_.size() + 1);
    convs_.push_back(register_module("conv" + number, layer));
    bns_.push_back(register_module("bn" + number, BatchNorm2d(layer)));
  }

  std::vector<Conv2d> convs_;
  std::vector<BatchNorm2d> bns_;
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(Block);

class ResNet final : public deneb::Network {
 public:
  using Options = ResNetOptions;
  explicit ResNet(const Options& o) : options_(o) {
    const Layout layout = layout_of(o.depth).value();
    int in = 64;
    conv1_ = register_module("conv1", conv(o.in_channels, in, 7, 2));
    bn1_ = register_module("bn1", BatchNorm2d(conv1_));
    for (std::size_t stage = 0; stage < layout.blocks.size(); ++stage) {
      const int width = 64 << stage;
      const int out = layout.bottleneck ? 4 * width : width;
      torch::nn::Sequential layer;
      for (int b = 0; b < layout.blocks[stage]; ++b) {
        layer->push_back(Block(in, width, out, b == 0 && stage > 0 ? 2 : 1, layout.bottleneck));
        in = out;
      }
      stages_.push_back(register_module("layer" + std::to_string(stage + 1), layer));
    }
    pool_ = register_module("avgpool", deneb::nn::GlobalAvgPool2d());
    fc_ = register_module("fc", deneb::nn::Linear(in, o.num_classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = bn1_(conv1_(std::move(x))).relu_();
    x = torch::max_pool2d(x, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
    for (auto& stage : stages_) x = stage->forward(std::move(x));
    return fc_(pool_(x));
  }

  std::vector<std::int64_t> input_shape() const override {
    return {options_.in_channels, options_.image_size, options_.image_size};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

 private:
  Options options_;
  Conv2d conv1_{nullptr};
  BatchNorm2d bn1_{nullptr};
  std::vector<torch::nn::Sequential> stages_;
  deneb::nn::GlobalAvgPool2d pool_{nullptr};
  deneb::nn::Linear fc_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, ResNet>(
      "ResNet", "residual network for ImageNet (He et al. 2016) with torchvision's names");
}

}  // namespace

DENEB_PLUGIN("resnet", "0.1.0", "ResNet-18/34/50/101 for ImageNet", register_all);
