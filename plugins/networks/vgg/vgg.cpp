#include <deneb/nn/initialization.h>
#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>
#include <torch/nn/init.h>

#include <algorithm>

namespace {

using deneb::nn::BatchNorm2d;
using deneb::nn::Conv2d;
using deneb::nn::Linear;
using torch::Tensor;

struct VggOptions {
  int depth = 16;
  std::vector<int> hidden = {512, 512};
  double dropout = 0.5;
  int num_classes = 10;
  int in_channels = 3;
  int image_size = 32;

  template <class V>
  void visit(V& v) {
    v("depth", depth, "of the paper's network: 11, 13, 16 or 19", {11, 19});
    v("hidden", hidden, "widths of the classifier's hidden layers; [] = one linear layer",
      {1, 65536});
    v("dropout", dropout, "behind every hidden layer of the classifier, in training", {0, 0.99});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("in_channels", in_channels, "channels of the image", {1, 1024});
    v("image_size", image_size, "height and width of the image", {32, 1024});
  }
  void check(deneb::OptionErrors& errors) const {
    if (convolutions().empty()) {
      errors.add("depth", std::to_string(depth) + " is not known; use 11, 13, 16 or 19");
    }
  }
  /// Of the five stages; each ends with a pooling.
  std::vector<int> convolutions() const {
    switch (depth) {
      case 11:
        return {1, 1, 2, 2, 2};
      case 13:
        return {2, 2, 2, 2, 2};
      case 16:
        return {2, 2, 3, 3, 3};
      case 19:
        return {2, 2, 4, 4, 4};
      default:
        return {};
    }
  }
};

/// Convolutions with batch norm in `features`, numbered as in torchvision's Sequential, where ReLU
/// and pooling count; then global average pooling and `classifier`.
class Vgg final : public deneb::Network {
 public:
  using Options = VggOptions;
  explicit Vgg(const Options& o) : options_(o) {
    const auto features = register_module("features", std::make_shared<torch::nn::Module>());
    const bool fill = !deneb::nn::SkipInitialization::is_active();
    int in = o.in_channels, channels = 64, number = 0;
    for (const int convolutions : o.convolutions()) {
      for (int i = 0; i < convolutions; ++i) {
        Layer layer;
        layer.name = "features." + std::to_string(number);
        layer.conv = features->register_module(
            std::to_string(number), Conv2d(torch::nn::Conv2dOptions(in, channels, 3).padding(1)));
        if (fill) {
          torch::nn::init::kaiming_normal_(layer.conv->weight, 0.0, torch::kFanOut, torch::kReLU);
          torch::nn::init::zeros_(layer.conv->bias);
        }
        layer.bn = features->register_module(std::to_string(number + 1), BatchNorm2d(layer.conv));
        layer.pools = i + 1 == convolutions;
        layers_.push_back(layer);
        in = channels;
        number += layer.pools ? 4 : 3;
      }
      channels = std::min(2 * channels, 512);
    }
    pool_ = register_module("avgpool", deneb::nn::GlobalAvgPool2d());
    add_classifier(in);
  }

  Tensor forward(Tensor x) override {
    for (Layer& layer : layers_) x = run(layer, std::move(x));
    x = pool_(x);
    for (std::size_t i = 0; i < linears_.size(); ++i) x = run_linear(i, std::move(x));
    return x;
  }

  /// Units: every layer with what follows it; the pooling lies before the first linear one.
  std::vector<deneb::Block> blocks() override {
    std::vector<deneb::Block> units;
    for (Layer& layer : layers_) {
      units.push_back({layer.name, {layer.name}, [&layer](const Tensor& x, const auto&) {
                         return run(layer, x);
                       }});
    }
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      const std::string& name = linears_[i].name;
      units.push_back({name, {name}, [this, i](const Tensor& x, const auto&) {
                         return run_linear(i, i == 0 ? pool_(x) : x);
                       }});
    }
    return units;
  }

  std::vector<std::int64_t> input_shape() const override {
    return {options_.in_channels, options_.image_size, options_.image_size};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

 private:
  struct Layer {
    std::string name;
    Conv2d conv{nullptr};
    BatchNorm2d bn{nullptr};
    bool pools = false;
  };
  struct NamedLinear {
    std::string name;
    Linear linear{nullptr};
  };

  void add_classifier(int in) {
    std::vector<int> widths = options_.hidden;
    widths.push_back(options_.num_classes);
    const auto classifier = std::make_shared<torch::nn::Module>();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      Linear layer(in, widths[i]);
      if (!deneb::nn::SkipInitialization::is_active()) {
        torch::nn::init::normal_(layer->weight, 0, 0.01);
        torch::nn::init::zeros_(layer->bias);
      }
      if (widths.size() == 1) {
        linears_.push_back({"classifier", register_module("classifier", layer)});
        return;
      }
      const std::string number = std::to_string(3 * i);
      linears_.push_back({"classifier." + number, classifier->register_module(number, layer)});
      in = widths[i];
    }
    register_module("classifier", classifier);
  }

  static Tensor run(Layer& layer, Tensor x) {
    x = layer.bn(layer.conv(std::move(x))).relu_();
    return layer.pools ? torch::max_pool2d(x, /*kernel_size=*/2, /*stride=*/2) : x;
  }

  Tensor run_linear(std::size_t i, Tensor x) {
    x = linears_[i].linear(std::move(x));
    if (i + 1 == linears_.size()) return x;
    return torch::dropout(x.relu_(), options_.dropout, is_training());
  }

  Options options_;
  std::vector<Layer> layers_;
  std::vector<NamedLinear> linears_;
  deneb::nn::GlobalAvgPool2d pool_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, Vgg>("VGG",
                             "VGG with batch norms for 32x32 images (Simonyan and Zisserman 2015)");
}

}  // namespace

DENEB_PLUGIN("vgg", "0.1.0", "VGG-11/13/16/19 with batch norms for CIFAR", register_all);
