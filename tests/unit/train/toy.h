#pragma once

#include <torch/nn/functional/loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <deneb/data/data_loader.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>
#include <deneb/nn/walk.h>
#include <deneb/train/evaluator.h>
#include <deneb/train/trainer.h>

/// A task that trains in milliseconds: noisy 8x8 images around four patterns.
namespace toy {

using torch::Tensor;

constexpr std::int64_t kClasses = 4;
constexpr std::int64_t kSteps = 8;  // per epoch, of make_data()

class Clusters final : public deneb::Dataset {
 public:
  Clusters(std::int64_t train, std::int64_t test) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(77);
    const Tensor patterns = torch::randn({kClasses, 1, 8, 8}, generator);
    const auto draw = [&](std::int64_t n) {
      const Tensor labels = torch::arange(n).remainder(kClasses);
      return std::pair(patterns.index_select(0, labels) + torch::randn({n, 1, 8, 8}, generator),
                       labels);
    };
    train_ = draw(train);
    test_ = draw(test);
  }
  void open() override {}
  deneb::DatasetInfo info() const override { return {kClasses, {1, 8, 8}, {0.1}, {1.4}}; }
  std::int64_t size(deneb::DataPart part) const override { return of(part).second.size(0); }
  deneb::Batch gather(deneb::DataPart part,
                      const std::vector<std::int64_t>& indices) const override {
    const Tensor rows = torch::tensor(indices);
    deneb::Batch batch;
    batch["input"] = of(part).first.index_select(0, rows);
    batch["target"] = of(part).second.index_select(0, rows);
    return batch;
  }

 private:
  const std::pair<Tensor, Tensor>& of(deneb::DataPart part) const {
    return part == deneb::DataPart::kTrain ? train_ : test_;
  }
  std::pair<Tensor, Tensor> train_, test_;
};

/// Everything whose state a training has to keep: convolution, batch norms, dropout.
class Net final : public deneb::Network {
 public:
  explicit Net(double dropout = 0) : dropout_(dropout) {
    using torch::nn::Conv2dOptions;
    conv1 = register_module("conv1", deneb::nn::Conv2d(Conv2dOptions(1, 4, 3).padding(1)));
    bn1 = register_module("bn1", deneb::nn::BatchNorm2d(4));
    conv2 = register_module("conv2", deneb::nn::Conv2d(Conv2dOptions(4, 4, 3).stride(2)));
    bn2 = register_module("bn2", deneb::nn::BatchNorm2d(4));
    fc = register_module("fc", deneb::nn::Linear(36, kClasses));
  }
  Tensor forward(Tensor x) override {
    if (on_forward) on_forward();
    x = bn2(conv2(bn1(conv1(x)).relu())).relu().flatten(1);
    return fc(torch::dropout(x, dropout_, is_training()));
  }
  std::vector<std::int64_t> input_shape() const override { return {1, 8, 8}; }
  std::int64_t num_classes() const override { return kClasses; }

  deneb::nn::Conv2d conv1{nullptr}, conv2{nullptr};
  deneb::nn::BatchNorm2d bn1{nullptr}, bn2{nullptr};
  deneb::nn::Linear fc{nullptr};
  std::function<void()> on_forward;

 private:
  double dropout_;
};

inline std::unique_ptr<Net> make_net(double dropout = 0, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  return std::make_unique<Net>(dropout);
}

inline deneb::DataLoaderOptions loader_options() {
  deneb::DataLoaderOptions options;
  options.batch_size = 16;
  options.eval_batch_size = 32;
  options.train_portion = 0.75;
  return options;
}

/// 120 samples to train with (8 batches, the last one of 8 samples), 40 to validate, 40 to test.
inline deneb::DataLoader make_data(const deneb::DataLoaderOptions& options = loader_options()) {
  return deneb::DataLoader(std::make_shared<Clusters>(160, 40), options);
}

class Accuracy final : public deneb::Evaluator {
 public:
  std::vector<deneb::Objective> metrics() const override {
    return {{"accuracy", deneb::Direction::kMaximize}, {"loss", deneb::Direction::kMinimize}};
  }
  deneb::Metrics evaluate(deneb::Network& network, deneb::BatchStream& stream,
                          torch::Device) const override {
    deneb::EvaluationMode mode(network);
    torch::NoGradGuard no_grad;
    double hits = 0, samples = 0, loss = 0;
    for (deneb::Batch batch; stream.next(batch);) {
      const Tensor logits = network.forward(batch).logits;
      hits += logits.argmax(1).eq(batch.target()).sum().item<double>();
      loss += torch::nn::functional::cross_entropy(logits, batch.target()).item<double>() *
              double(batch.size());
      samples += double(batch.size());
    }
    deneb::Metrics metrics;
    metrics.set("accuracy", hits / samples, deneb::Direction::kMaximize);
    metrics.set("loss", loss / samples, deneb::Direction::kMinimize);
    if (on_evaluate) on_evaluate(network);
    return metrics;
  }
  std::function<void(deneb::Network&)> on_evaluate;
};

/// Answers with given values, one for each call.
class Scripted final : public deneb::Evaluator {
 public:
  Scripted(std::vector<double> values, deneb::Direction direction)
      : values_(std::move(values)), direction_(direction) {}
  std::vector<deneb::Objective> metrics() const override { return {{"score", direction_}}; }
  deneb::Metrics evaluate(deneb::Network& network, deneb::BatchStream&,
                          torch::Device) const override {
    seen.push_back(deneb::state_of(network));
    for (auto& item : seen.back()) item.second = item.second.detach().clone();
    deneb::Metrics metrics;
    metrics.set("score", values_.at(seen.size() - 1), direction_);
    return metrics;
  }
  mutable std::vector<std::vector<std::pair<std::string, Tensor>>> seen;

 private:
  std::vector<double> values_;
  deneb::Direction direction_;
};

using State = std::vector<std::pair<std::string, Tensor>>;

inline State state_copy(const deneb::Network& network) {
  State state = deneb::state_of(network);
  for (auto& item : state) item.second = item.second.detach().clone();
  return state;
}

/// Name of the first tensor that differs in any bit; "" when the states are the same.
inline std::string difference(const State& a, const State& b) {
  if (a.size() != b.size()) return "number of tensors";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first || !torch::equal(a[i].second, b[i].second)) return a[i].first;
  }
  return "";
}

}  // namespace toy
