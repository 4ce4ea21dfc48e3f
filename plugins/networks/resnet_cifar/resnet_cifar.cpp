#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>
#include <torch/nn/functional/padding.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>

namespace {

using deneb::nn::BatchNorm2d;
using deneb::nn::Conv2d;

struct ResNetCifarOptions {
  int depth = 20;
  int base_channels = 16;
  std::string shortcut = "projection";
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

Conv2d conv(int in, int out, int kernel, int stride) {
  Conv2d layer(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanOut, torch::kReLU);
  return layer;
}

class BasicBlockImpl final : public torch::nn::Module {
 public:
  BasicBlockImpl(int in, int out, int stride, bool projection)
      : extra_channels_(out - in), stride_(stride) {
    conv1_ = register_module("conv1", conv(in, out, 3, stride));
    bn1_ = register_module("bn1", BatchNorm2d(conv1_));
    conv2_ = register_module("conv2", conv(out, out, 3, 1));
    bn2_ = register_module("bn2", BatchNorm2d(conv2_));
    if (projection && (stride != 1 || in != out)) {
      // torchvision: a Sequential named "downsample" with entries "0" and "1".
      const Conv2d projected = conv(in, out, 1, stride);
      downsample_ =
          register_module("downsample", torch::nn::Sequential(projected, BatchNorm2d(projected)));
    }
  }

  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = bn1_(conv1_(x)).relu_();
    y = bn2_(conv2_(std::move(y)));
    return y.add_(shortcut(x)).relu_();
  }

 private:
  torch::Tensor shortcut(const torch::Tensor& x) {
    if (!downsample_.is_empty()) return downsample_->forward(x);
    if (stride_ == 1 && extra_channels_ == 0) return x;
    namespace F = torch::nn::functional;
    const auto s = torch::indexing::Slice(torch::indexing::None, torch::indexing::None, stride_);
    const torch::Tensor thinned =
        x.index({torch::indexing::Slice(), torch::indexing::Slice(), s, s});
    const int before = extra_channels_ / 2;
    return F::pad(thinned, F::PadFuncOptions({0, 0, 0, 0, before, extra_channels_ - before}));
  }

  int extra_channels_, stride_;
  Conv2d conv1_{nullptr}, conv2_{nullptr};
  BatchNorm2d bn1_{nullptr}, bn2_{nullptr};
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(BasicBlock);

class ResNetCifar final : public deneb::Network {
 public:
  using Options = ResNetCifarOptions;
  explicit ResNetCifar(const Options& o) : options_(o) {
    const int blocks = (o.depth - 2) / 6;
    conv1_ = register_module("conv1", conv(o.in_channels, o.base_channels, 3, 1));
    bn1_ = register_module("bn1", BatchNorm2d(conv1_));
    int in = o.base_channels;
    for (int stage = 0; stage < 3; ++stage) {
      const int out = o.base_channels << stage;
      torch::nn::Sequential layer;
      for (int b = 0; b < blocks; ++b) {
        layer->push_back(
            BasicBlock(in, out, b == 0 && stage > 0 ? 2 : 1, o.shortcut == "projection"));
        in = out;
      }
      stages_.push_back(register_module("layer" + std::to_string(stage + 1), layer));
    }
    fc_ = register_module("fc", deneb::nn::Linear(in, o.num_classes));
    pool_ = register_module("avgpool", deneb::nn::GlobalAvgPool2d());
  }

  torch::Tensor forward(torch::Tensor x) override {
    x = bn1_(conv1_(x)).relu_();
    for (auto& stage : stages_) x = stage->forward(x);
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
  deneb::nn::Linear fc_{nullptr};
  deneb::nn::GlobalAvgPool2d pool_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, ResNetCifar>(
      "ResNetCifar", "residual network for 32x32 images (He et al. 2016), 6n + 2 layers");
}

}  // namespace

DENEB_PLUGIN("resnet_cifar", "0.1.0", "ResNet-20/32/44/56/110 for CIFAR", register_all);
