#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>

namespace {

struct TinyNetOptions {
  int width = 8;
  template <class V>
  void visit(V& v) {
    v("width", width, "channels of the convolutions", {1, 1024});
  }
};

// deneb::nn layers are what makes a network searchable; everything else is plain LibTorch.
class TinyNet final : public deneb::Network {
 public:
  using Options = TinyNetOptions;
  explicit TinyNet(const Options& o) {
    const auto conv = [](int in, int out) {
      return torch::nn::Conv2dOptions(in, out, 3).padding(1);
    };
    conv1_ = register_module("conv1", deneb::nn::Conv2d(conv(1, o.width)));
    conv2_ = register_module("conv2", deneb::nn::Conv2d(conv(o.width, o.width)));
    fc_ = register_module("fc", deneb::nn::Linear(o.width, 10));
  }
  torch::Tensor forward(torch::Tensor x) override {
    x = conv2_(conv1_(x).relu()).relu();
    return fc_(x.amax({2, 3}));
  }
  std::vector<std::int64_t> input_shape() const override { return {1, 8, 8}; }
  std::int64_t num_classes() const override { return 10; }

 private:
  deneb::nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  deneb::nn::Linear fc_{nullptr};
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, TinyNet>("TinyNet", "two convolutions for the digits");
}

}  // namespace

DENEB_PLUGIN("custom_network", "1.0.0", "example of a network plugin", register_all);
