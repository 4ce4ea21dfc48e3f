#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>

#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>

namespace {

using deneb::nn::BatchNorm2d;
using deneb::nn::Conv2d;

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

Conv2d make_conv(int in, int out, int kernel, int stride) {
  const auto shape = torch::nn::Conv2dOptions(in, out, kernel);
  Conv2d conv(torch::nn::Conv2dOptions(shape).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0.0, torch::kFanOut, torch::kReLU);
  return conv;
}

/// Basic block of He et al. 2016; a 1x1 convolution on the shortcut where the shape changes.
class BlockImpl final : public torch::nn::Module {
 public:
  BlockImpl(int in, int out, int stride)
      : conv1_(register_module("conv1", make_conv(in, out, 3, stride))),
        bn1_(register_module("bn1", BatchNorm2d(conv1_))),
        conv2_(register_module("conv2", make_conv(out, out, 3, 1))),
        bn2_(register_module("bn2", BatchNorm2d(conv2_))) {
    if (stride == 1 && in == out) return;
    const Conv2d projected = make_conv(in, out, 1, stride);
    shortcut_ = torch::nn::Sequential(projected, BatchNorm2d(projected));
    register_module("downsample", shortcut_);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor hidden = bn1_(conv1_(x)).relu_();
    const torch::Tensor skip = shortcut_.is_empty() ? x : shortcut_->forward(x);
    return bn2_(conv2_(hidden)).add_(skip).relu_();
  }

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  torch::nn::Sequential shortcut_{nullptr};
};
TORCH_MODULE(Block);

class MiniResNet final : public deneb::Network {
 public:
  using Options = MiniResNetOptions;
  explicit MiniResNet(const Options& o)
      : options_(o),
        conv1_(register_module("conv1", make_conv(o.in_channels, o.width, 3, 1))),
        bn1_(register_module("bn1", BatchNorm2d(conv1_))) {
    layer1_ = register_module("layer1", stage(o.width, o.width, 1));
    layer2_ = register_module("layer2", stage(o.width, 2 * o.width, 2));
    avgpool_ = register_module("avgpool", deneb::nn::GlobalAvgPool2d());
    fc_ = register_module("fc", deneb::nn::Linear(2 * o.width, o.num_classes));
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = bn1_(conv1_(x)).relu_();
    x = layer2_->forward(layer1_->forward(x));
    return fc_(avgpool_(x));
  }

  std::vector<std::int64_t> input_shape() const override {
    return {options_.in_channels, options_.image_size, options_.image_size};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

 private:
  torch::nn::Sequential stage(int in, int out, int stride) const {
    torch::nn::Sequential blocks(Block(in, out, stride));
    for (int i = 1; i < options_.blocks; ++i) blocks->push_back(Block(out, out, 1));
    return blocks;
  }

  Options options_;
  Conv2d conv1_;
  BatchNorm2d bn1_;
  torch::nn::Sequential layer1_{nullptr}, layer2_{nullptr};
  deneb::nn::GlobalAvgPool2d avgpool_{nullptr};
  deneb::nn::Linear fc_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, MiniResNet>("MiniResNet", "small residual network for 8x8 digits");
}

}  // namespace

DENEB_PLUGIN("mini_resnet", "0.1.0", "small residual network for digits", register_all);
