#include <cstdint>

#include <deneb/nn/layers.h>
#include <deneb/plugin/plugin.h>

namespace {

constexpr std::int64_t kMostInputs = std::int64_t(1) << 24;

struct MlpOptions {
  std::vector<int> hidden = {64};
  int num_classes = 10;
  std::vector<int> input_shape = {1, 8, 8};

  template <class V>
  void visit(V& v) {
    v("hidden", hidden, "widths of the hidden layers; [] = linear classifier", {1, 65536});
    v("num_classes", num_classes, "outputs", {2, 100000});
    v("input_shape", input_shape, "shape of one sample: [channels, height, width] or [features]",
      {1, 65536});
  }
  void check(deneb::OptionErrors& errors) const {
    if (input_shape.empty()) errors.add("input_shape", "is empty; for digits use [1, 8, 8]");
    if (inputs() > kMostInputs) {
      errors.add("input_shape", "holds more than " + std::to_string(kMostInputs) + " values");
    }
  }
  // Saturates, so that the check sees a product that would overflow.
  std::int64_t inputs() const {
    std::int64_t n = 1;
    for (const int extent : input_shape) n = std::min(n * extent, kMostInputs + 1);
    return n;
  }
};

/// Flatten, then Linear layers fc1, fc2, ... with ReLU between them.
class Mlp final : public deneb::Network {
 public:
  using Options = MlpOptions;
  explicit Mlp(const Options& o) : options_(o) {
    std::vector<int> outputs = o.hidden;
    outputs.push_back(o.num_classes);
    std::int64_t in = o.inputs();
    for (const int out : outputs) {
      layers_.push_back(register_module(name(layers_.size()), deneb::nn::Linear(in, out)));
      in = out;
    }
  }

  torch::Tensor forward(torch::Tensor x) override {
    for (std::size_t i = 0; i < layers_.size(); ++i) x = run(i, x);
    return x;
  }

  /// Every layer, with the ReLU behind it, is a unit.
  std::vector<deneb::Block> blocks() override {
    std::vector<deneb::Block> units;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      units.push_back({name(i), {name(i)}, [this, i](const torch::Tensor& x, const deneb::Batch&) {
                         return run(i, x);
                       }});
    }
    return units;
  }

  std::vector<std::int64_t> input_shape() const override {
    return {options_.input_shape.begin(), options_.input_shape.end()};
  }
  std::int64_t num_classes() const override { return options_.num_classes; }

 private:
  static std::string name(std::size_t layer) { return "fc" + std::to_string(layer + 1); }

  torch::Tensor run(std::size_t layer, const torch::Tensor& x) {
    torch::Tensor y = layers_[layer]->forward(layer == 0 ? x.flatten(1) : x);
    return layer + 1 < layers_.size() ? y.relu_() : y;
  }

  Options options_;
  std::vector<deneb::nn::Linear> layers_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Network, Mlp>("MLP", "multi-layer perceptron with ReLU");
}

}  // namespace

DENEB_PLUGIN("mlp", "0.1.0", "multi-layer perceptron", register_all);
