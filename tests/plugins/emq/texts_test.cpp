#include <gmock/gmock.h>
#include <torch/utils.h>

#include <deneb/data/data_loader.h>
#include <deneb/nn/walk.h>
#include <deneb/train/cross_entropy.h>

#include <algorithm>
#include <cmath>

#include "plugins/networks/small_transformers.h"
#include "plugins/plugin_registry.h"
#include "proxies.h"
#include "statistics.h"

// Networks and data that are no images.
namespace deneb::emq::texts {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

std::shared_ptr<Network> bert() {
  static const auto registry = plugin_test::load({"bert"});
  at::manual_seed(1);
  auto options = plugin_test::small_options("Bert");
  options["num_classes"] = 2;
  return plugin_test::make<Network>(*registry, "Bert", options);
}

std::vector<LayerStatistics> collect(Network& network, const Batch& batch,
                                     const StatisticsRequest& request) {
  std::mt19937_64 rng(1);
  return collect_statistics(network, batch, CrossEntropy(), request, rng, c10::kCPU);
}

TEST(Texts, StatisticsOfABert) {
  const auto network = bert();
  network->to(torch::kFloat64);
  Batch batch = plugin_test::padded_batch(*network, 0);
  batch["target"] = torch::tensor({0, 1}, torch::kInt64);
  StatisticsRequest request;
  request.weight = request.gradient = request.activation = request.activation_gradient = true;
  const auto layers = collect(*network, batch, request);
  ASSERT_GT(layers.size(), 10u);
  for (const LayerStatistics& layer : layers) {
    EXPECT_TRUE(std::isfinite(snip(layer))) << layer.name;
    EXPECT_EQ(fisher_by_channel(layer).numel(), layer.weight.size(0)) << layer.name;
  }
  // What arrives at a layer's output, summed up, is the gradient of its bias, although the network
  // writes over some of the outputs.
  network->eval();
  CrossEntropy().loss(network->forward(batch), batch).backward();
  for (const NamedQuantLayer& named : quant_layers(*network)) {
    const auto layer = std::find_if(layers.begin(), layers.end(),
                                    [&](const LayerStatistics& l) { return l.name == named.name; });
    ASSERT_NE(layer, layers.end());
    const Tensor& arrived = layer->activation_gradient;
    EXPECT_TRUE(torch::allclose(arrived.reshape({-1, arrived.size(-1)}).sum(0),
                                named.layer->float_bias().grad(), 1e-9, 1e-12))
        << named.name;
    EXPECT_TRUE(torch::allclose(layer->gradient, named.layer->float_weight().grad(), 1e-9, 1e-12))
        << named.name;
  }
}

TEST(Texts, IdsCannotBeOnes) {
  const auto network = bert();
  Batch batch = plugin_test::padded_batch(*network, 0);
  batch["target"] = torch::tensor({0, 1}, torch::kInt64);
  StatisticsRequest request;
  request.virtual_gradient = true;
  try {
    collect(*network, batch, request);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("token ids"));
  }
  EXPECT_THROW(synflow(*network, false, c10::kCPU), ConfigError);
}

// Against what the gradients say about every single weight.
TEST(Texts, HessiansOfABert) {
  const auto network = bert();
  network->to(torch::kFloat64);
  Batch batch = plugin_test::padded_batch(*network, 0);
  batch["target"] = torch::tensor({0, 1}, torch::kInt64);
  const auto before = state_of(*network);
  StatisticsRequest request;
  request.hessian_trace = true;
  request.hessian = {30, 0};
  const auto layers = collect(*network, batch, request);
  for (const auto& [name, tensor] : state_of(*network)) {
    for (const auto& [other, was] : before) {
      EXPECT_TRUE(name != other || at::equal(tensor, was)) << name;
    }
  }
  network->eval();
  const NamedQuantLayer last = quant_layers(*network).back();
  Tensor weight = last.layer->float_weight();
  const auto derivative = [&](std::int64_t k) {
    network->zero_grad();
    CrossEntropy().loss(network->forward(batch), batch).backward();
    return weight.grad().view(-1)[k].item<double>();
  };
  double trace = 0;
  for (std::int64_t k = 0; k < weight.numel(); ++k) {
    const auto shifted = [&](double shift) {
      {
        torch::NoGradGuard no_grad;
        weight.view(-1)[k] += shift;
      }
      const double found = derivative(k);
      torch::NoGradGuard no_grad;
      weight.view(-1)[k] -= shift;
      return found;
    };
    trace += (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
  }
  EXPECT_GT(trace, 0);
  EXPECT_NEAR(layers.back().hessian_trace, trace, 0.2 * trace) << last.name;
}

// Sample i: i % 4 + 1 tokens of value i + 1.
class Sentences final : public Dataset {
 public:
  void open() override {}
  DatasetInfo info() const override { return {2, {4}, {}, {}}; }
  std::int64_t size(DataPart) const override { return 20; }
  std::int64_t length(DataPart, std::int64_t i) const override { return i % 4 + 1; }
  Batch gather(DataPart part, const std::vector<std::int64_t>& indices) const override {
    std::int64_t longest = 0;
    for (const std::int64_t i : indices) longest = std::max(longest, length(part, i));
    Batch batch;
    const auto rows = std::int64_t(indices.size());
    batch["input"] = torch::zeros({rows, longest}, torch::kInt64);
    batch["attention_mask"] = torch::zeros({rows, longest}, torch::kInt64);
    batch["target"] = torch::zeros({rows}, torch::kInt64);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t i = indices[std::size_t(r)];
      batch["input"][r].slice(0, 0, length(part, i)).fill_(i + 1);
      batch["attention_mask"][r].slice(0, 0, length(part, i)).fill_(1);
      batch["target"][r] = i % 2;
    }
    return batch;
  }
};

TEST(Texts, BatchesAreCutFromTheSplit) {
  DataLoaderOptions options;
  options.train_portion = 0.8;  // 16 samples
  options.eval_batch_size = 3;
  options.workers = 0;
  const DataLoader data(std::make_shared<Sentences>(), options);
  const auto batches = first_batches(data, 5, 2);
  ASSERT_EQ(batches.size(), 2u);
  std::vector<std::int64_t> seen;
  for (const Batch& batch : batches) {
    ASSERT_EQ(batch.size(), 5);
    EXPECT_EQ(batch.input().sizes(), batch.at("attention_mask").sizes());
    for (std::int64_t r = 0; r < 5; ++r) {
      const std::int64_t i = batch.input()[r][0].item<std::int64_t>() - 1;
      seen.push_back(i);
      const std::int64_t length = i % 4 + 1;
      EXPECT_EQ(batch.input()[r].sum().item<std::int64_t>(), length * (i + 1));
      EXPECT_EQ(batch.at("attention_mask")[r].sum().item<std::int64_t>(), length);
      EXPECT_EQ(batch.target()[r].item<std::int64_t>(), i % 2);
    }
  }
  std::vector<std::int64_t> expected;
  const auto stream = data.evaluate(Split::kTrain, 10);
  Batch batch;
  while (stream->next(batch)) {
    for (std::int64_t r = 0; r < batch.size(); ++r) {
      expected.push_back(batch.input()[r][0].item<std::int64_t>() - 1);
    }
  }
  EXPECT_EQ(seen, expected);
  EXPECT_THROW(first_batches(data, 17, 1), RunError);
}

}  // namespace
}  // namespace deneb::emq::texts
