#include <deneb/nn/initialization.h>
#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <cmath>

namespace {

using deneb::nn::BatchNorm2d;
using deneb::nn::Conv2d;

struct MobileNetV1Options {
  double width_multiplier = 1.0;
  int stem_stride = 2;
  int num_classes = 1000;
  int in_channels = 3;
  int image_size = 224;

  template <class V>
  void visit(V& v) {
    v("width_multiplier", width_multiplier,
      "factor of all channel numbers, which are rounded to the nearest and at least 8", {0.1, 4});
    v("stem_stride", stem_stride, "of the first convolution; 1 for CIFAR's 32x32 images", {1, 2});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size,
      "height and width of the image; at least 32, or 16 with stem_stride 1", {16, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (image_size < 16 * stem_stride) {
      errors.add("image_size", std::to_string(image_size) +
                                   " is too small for this stem_stride; use " +
                                   std::to_string(16 * stem_stride) + " or more");
    }
  }
  int scaled(int channels) const {
    return std::max(8, int(std::lround(channels * width_multiplier)));
  }
};

Conv2d conv(int in, int out, int kernel, int stride, int groups = 1) {
  Conv2d layer(torch::nn::Conv2dOptions(in, out, kernel)
                   .stride(stride)
                   .padding(kernel / 2)
                   .groups(groups)
                   .bias(false));
  if (deneb::nn::SkipInitialization::is_active()) return layer;
  // LibTorch's fan out leaves out the groups, so depthwise weights would start far too small.
  torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanIn, torch::kReLU);
  return layer;
}

/// 3x3 convolution of each channel, then 1x1 convolution across them.
class SeparableImpl final : public torch::nn::Module {
 public:
  SeparableImpl(int in, int out, int stride) {
    depthwise_ = register_module("depthwise", conv(in, in, 3, stride, /*groups=*/in));
    depthwise_bn_ = register_module("depthwise_bn", BatchNorm2d(depthwise_));
    pointwise_ = register_module("pointwise", conv(in, out, 1, 1));
    pointwise_bn_ = register_module("pointwise_bn", BatchNorm2d(pointwise_));
  }

  torch::Tensor depthwise(torch::Tensor x) {
    return depthwise_bn_(depthwise_(std::move(x))).relu_();
  }
  torch::Tensor pointwise(torch::Tensor x) {
    return pointwise_bn_(pointwise_(std::move(x))).relu_();
  }

 private:
  Conv2d depthwise_{nullptr}, pointwise_{nullptr};
  BatchNorm2d depthwise_bn_{nullptr}, pointwise_bn_{nullptr};
};
TORCH_MODULE(Separable);

class MobileNetV1 final : public deneb::Network {
 public:
  using Options = MobileNetV1Options;
  explicit MobileNetV1(const Options& o) : options_(o) {
    int in = o.scaled(32);
    const auto stem = register_module("stem", std::make_shared<torch::nn::Module>());
    conv_ = stem->register_module("conv", conv(o.in_channels, in, 3, o.stem_stride));
    bn_ = stem->register_module("bn", BatchNorm2d(conv_));

    torch::nn::ModuleList blocks;
    struct Stage {
      int channels, blocks, stride;  // the first block of a stage takes the stride
    };
    for (const Stage& stage :
         {Stage{64, 1, 1}, {128, 2, 2}, {256, 2, 2}, {512, 6, 2}, {1024, 2, 2}}) {
      const int out = o.scaled(stage.channels);
      for (int b = 0; b < stage.blocks; ++b) {
        blocks_.emplace_back(in, out, b == 0 ? stage.stride : 1);
        blocks->push_back(blocks_.back());
        in = out;
      }
    }
    register_module("blocks", blocks);
    pool_ = register_module("avgpool", deneb::nn::GlobalAvgPool2d());
    fc_ = register_module("fc", deneb::nn::Linear(in, o.num_classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = stem(std::move(x));
    for (Separable& block : blocks_) x = block->pointwise(block->depthwise(std::move(x)));
    return head(x);
  }

  /// Units: every convolution, and the pooling with fc.
  std::vector<deneb::Block> blocks() override {
    using deneb::Batch;
    using torch::Tensor;
    std::vector<deneb::Block> units;
    units.push_back(
        {"stem", {"stem.conv"}, [this](const Tensor& x, const Batch&) { return stem(x); }});
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const std::string at = "blocks." + std::to_string(i) + ".";
      SeparableImpl* block = blocks_[i].get();
      units.push_back({at + "depthwise",
                       {at + "depthwise"},
                       [block](const Tensor& x, const Batch&) { return block->depthwise(x); }});
      units.push_back({at + "pointwise",
                       {at + "pointwise"},
                       [block](const Tensor& x, const Batch&) { return block->pointwise(x); }});
    }
    units.push_back({"head", {"fc"}, [this](const Tensor& x, const Batch&) { return head(x); }});
    return units;
  }

  std::vector<std::int64_t> input_shape() const override {
    return {options_.in_channels, options_.image_size, options_.image_size};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

 private:
  torch::Tensor stem(torch::Tensor x) { return bn_(conv_(std::move(x))).relu_(); }
  torch::Tensor head(const torch::Tensor& x) { return fc_(pool_(x)); }

  Options options_;
  Conv2d conv_{nullptr};
  BatchNorm2d bn_{nullptr};
  std::vector<Separable> blocks_;
  deneb::nn::GlobalAvgPool2d pool_{nullptr};
  deneb::nn::Linear fc_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, MobileNetV1>(
      "MobileNetV1", "depthwise separable convolutions for ImageNet or CIFAR (Howard et al. 2017)");
}

}  // namespace

DENEB_PLUGIN("mobilenet_v1", "0.1.0", "MobileNet V1 for ImageNet and CIFAR", register_all);
