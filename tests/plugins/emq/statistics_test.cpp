#include "statistics.h"

#include <gmock/gmock.h>
#include <torch/autograd.h>
#include <torch/utils.h>

#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <deneb/random.h>
#include <deneb/train/cross_entropy.h>

#include <cmath>

#include "hessian.h"
#include "scratch_folder.h"
#include "tiny_network.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

StatisticsRequest everything() {
  StatisticsRequest request;
  request.weight = request.activation = request.gradient = request.virtual_gradient =
      request.activation_gradient = request.fisher_diagonal = request.hessian_trace =
          request.hessian_eigenvalue = true;
  request.hessian.draws = 20;
  return request;
}

std::vector<LayerStatistics> collect(Network& network, const Batch& batch,
                                     const StatisticsRequest& request,
                                     StatisticsWork* work = nullptr) {
  std::mt19937_64 rng(5);
  return collect_statistics(network, batch, CrossEntropy(), request, rng, c10::kCPU, work);
}

double total(const Tensor& x) { return x.sum().item<double>(); }

TEST(Statistics, OfTheTinyNetwork) {
  TinyNetwork network;
  const Batch batch = TinyNetwork::batch();
  EXPECT_NEAR(CrossEntropy().loss(network.Network::forward(batch), batch).item<double>(), 1.0370451,
              1e-7);
  const auto layers = collect(network, batch, everything());
  ASSERT_EQ(layers.size(), 3u);
  const char* names[] = {"conv1", "conv2", "fc"};
  const double norms[] = {0.04595369304, 0.07777006705, 0.04741612678};
  const double snip[] = {0.04668623083, 0.1031297184, 0.03704498327};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(layers[i].name, names[i]);
    EXPECT_NEAR(layers[i].gradient.norm().item<double>(), norms[i], 1e-11);
    EXPECT_NEAR(total((layers[i].gradient * layers[i].weight).abs()), snip[i], 1e-10);
    // Scaling a layer of a chain of ReLUs without biases scales its answers, whichever layer it is.
    EXPECT_NEAR(total(layers[i].gradient * layers[i].weight), -0.01374869997, 1e-11);
    EXPECT_EQ(layers[i].activation.sizes(), layers[i].activation_gradient.sizes());
    // Before the ReLU, although that was computed in place.
    EXPECT_LT(layers[i].activation.min().item<double>(), 0);
  }
  EXPECT_NEAR(total(layers[0].virtual_gradient), 0.56, 1e-12);
  EXPECT_NEAR(total(layers[0].virtual_gradient.abs()), 0.62, 1e-12);
  EXPECT_NEAR(total(layers[1].virtual_gradient), -1.17, 1e-12);
  EXPECT_NEAR(total(layers[1].virtual_gradient.abs()), 1.17, 1e-12);
  EXPECT_EQ(total(layers[1].virtual_gradient[1].abs()), 0) << "its ReLU is dead for ones";
}

TEST(Statistics, SampleBySample) {
  TinyNetwork network;
  const Batch batch = TinyNetwork::batch();
  const auto layers = collect(network, batch, everything());
  Tensor expected = torch::zeros_like(layers[1].weight);
  for (int s = 0; s < 2; ++s) {
    Batch sample;
    sample["input"] = batch.input().narrow(0, s, 1);
    sample["target"] = batch.target().narrow(0, s, 1);
    StatisticsRequest request;
    request.gradient = true;
    expected += collect(network, sample, request)[1].gradient.square() / 2;
  }
  EXPECT_TRUE(torch::allclose(layers[1].fisher_diagonal, expected, 1e-12, 0));
}

TEST(Statistics, LeaveTheNetworkAsItWas) {
  TinyNetwork network;
  network.train();
  const auto state = [&] {
    std::vector<Tensor> copies;
    for (const auto& item : state_of(network)) copies.push_back(item.second.detach().clone());
    return copies;
  };
  const auto before = state();
  const auto first = collect(network, TinyNetwork::batch(), everything());
  const auto second = collect(network, TinyNetwork::batch(), everything());
  const auto after = state();
  EXPECT_TRUE(network.is_training());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(torch::equal(before[i], after[i]));
  for (const auto& parameter : network.parameters()) EXPECT_FALSE(parameter.grad().defined());
  for (const NamedQuantLayer& layer : quant_layers(network)) {
    EXPECT_FALSE(layer.layer->is_observed());
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(torch::equal(first[i].gradient, second[i].gradient)) << "nothing adds up";
    EXPECT_EQ(first[i].hessian_trace, second[i].hessian_trace);
    EXPECT_EQ(first[i].hessian_eigenvalue, second[i].hessian_eigenvalue);
  }
}

TEST(Statistics, OnlyWhatIsAskedFor) {
  TinyNetwork network;
  StatisticsRequest request;
  request.weight = request.convolutions_only = true;
  StatisticsWork work;
  const auto layers = collect(network, TinyNetwork::batch(), request, &work);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[1].name, "conv2");
  EXPECT_TRUE(layers[1].weight.defined());
  EXPECT_FALSE(layers[1].gradient.defined());
  EXPECT_FALSE(layers[1].activation.defined());
  EXPECT_TRUE(std::isnan(layers[1].hessian_trace));
  EXPECT_EQ(work.forward_passes, 1);
  EXPECT_EQ(work.backward_passes, 0);
  collect(network, TinyNetwork::batch(), everything(), &work);
  // Looked at, of ones, two samples, the Hessian's.
  EXPECT_EQ(work.forward_passes, 1 + 5);
  EXPECT_EQ(work.backward_passes, 5);
  EXPECT_GT(work.hessian_products, 0);
}

TEST(Statistics, FinishedHessiansAreKept) {
  TinyNetwork network;
  const ScratchFolder folder;
  StatisticsRequest request = everything();
  request.hessian_record = folder / "hessian.json";
  request.identity = "tiny";
  StatisticsWork whole;
  const auto measured = collect(network, TinyNetwork::batch(), request, &whole);
  // Half of it is there: the rest comes out as it did.
  auto record = nlohmann::json::parse(read_file(request.hessian_record));
  record["values"].erase("conv1.trace");
  record["values"]["conv2.trace"][0] = 17.0;
  write_file_atomically(request.hessian_record, record.dump());
  StatisticsWork again;
  const auto resumed = collect(network, TinyNetwork::batch(), request, &again);
  EXPECT_EQ(resumed[0].hessian_trace, measured[0].hessian_trace);
  EXPECT_EQ(resumed[1].hessian_trace, 17.0);
  EXPECT_EQ(again.hessian_products, whole.hessian_products);
  request.identity = "other";
  EXPECT_THROW(collect(network, TinyNetwork::batch(), request), ConfigError);
  write_file_atomically(request.hessian_record, "{\"identity\": 3");
  EXPECT_THROW(collect(network, TinyNetwork::batch(), request), DataError);
}

TEST(Statistics, RefuseWhatHasNoMeaning) {
  TinyNetwork network;
  Batch broken = TinyNetwork::batch();
  broken["input"].fill_(std::nan(""));
  StatisticsRequest request;
  request.gradient = true;
  try {
    collect(network, broken, request);
    FAIL();
  } catch (const RunError& e) {
    EXPECT_THAT(e.what(), HasSubstr("not finite"));
  }
}

// The whole block, column by column.
Tensor matrix(const BlockHessian& hessian, std::size_t i, const Tensor& like) {
  std::vector<Tensor> columns;
  for (std::int64_t k = 0; k < like.numel(); ++k) {
    Tensor unit = torch::zeros_like(like);
    unit.view(-1)[k] = 1;
    columns.push_back(hessian.product(i, unit).reshape(-1));
  }
  return torch::stack(columns);
}

TEST(Hessian, OfTheTinyNetwork) {
  TinyNetwork network;
  const Batch batch = TinyNetwork::batch();
  std::vector<Tensor> weights;
  for (const NamedQuantLayer& layer : quant_layers(network)) {
    weights.push_back(layer.layer->float_weight());
  }
  const auto exact =
      BlockHessian::of(CrossEntropy().loss(network.Network::forward(batch), batch), weights);
  ASSERT_TRUE(exact);
  const BlockHessian& hessian = *exact;
  const double traces[] = {0.01258313517, 0.03833573223, 0.01134796454};
  const double products[] = {0.01845331465, 0.009644277413, 0};
  const double eigenvalues[] = {0.01073211136, 0.03630619763, 0.005973032828};
  for (std::size_t i = 0; i < 3; ++i) {
    const Tensor like = weights[i].detach();
    const Tensor whole = matrix(hessian, i, like);
    EXPECT_TRUE(torch::allclose(whole, whole.t(), 1e-9, 1e-12)) << "symmetric";
    EXPECT_NEAR(whole.trace().item<double>(), traces[i], 1e-11);
    EXPECT_NEAR(std::get<0>(torch::linalg_eigh(whole)).max().item<double>(), eigenvalues[i], 1e-11);
    Tensor v = torch::ones_like(like);
    v.view(-1).slice(0, 1, v.numel(), 2).fill_(-1);
    EXPECT_NEAR(total(v * hessian.product(i, v)), products[i], 1e-11);

    std::mt19937_64 rng(i);
    const auto product = [&](const Tensor& x) {
      return torch::matmul(whole, x.reshape(-1)).view(x.sizes());
    };
    const HessianEstimate trace = hutchinson_trace(product, like, {4000, 0}, rng);
    EXPECT_EQ(trace.products, 4000);
    EXPECT_NEAR(trace.value, traces[i], 0.1 * traces[i]);
    const HessianEstimate top = top_eigenvalue(product, like, {1000, 1e-9}, rng);
    EXPECT_TRUE(top.converged);
    EXPECT_NEAR(top.value, eigenvalues[i], 1e-3 * eigenvalues[i]);
  }
}

TEST(Hessian, DifferencesOfGradients) {
  TinyNetwork network;
  const Batch batch = TinyNetwork::batch();
  const auto loss = [&] { return CrossEntropy().loss(network.Network::forward(batch), batch); };
  for (const NamedQuantLayer& layer : quant_layers(network)) {
    SCOPED_TRACE(layer.name);
    const Tensor weight = layer.layer->float_weight();
    const Tensor own = weight.detach().clone();
    const auto gradient = [&] { return torch::autograd::grad({loss()}, {weight})[0]; };
    at::manual_seed(1);
    const Tensor v = torch::randn_like(own);
    const Tensor exact = BlockHessian::of(loss(), {weight})->product(0, v);
    EXPECT_TRUE(torch::allclose(difference_product(weight, v, gradient), exact, 1e-4, 1e-8));
    EXPECT_TRUE(at::equal(weight.detach(), own));
    const auto fails = []() -> Tensor { throw RunError("no gradient"); };
    EXPECT_THROW(difference_product(weight, v, fails), RunError);
    EXPECT_TRUE(at::equal(weight.detach(), own));
  }
}

TEST(Hessian, KeepsTheSignAndStops) {
  const Tensor diagonal = torch::tensor({1.0, -5.0, 2.0}, torch::kFloat64);
  const auto product = [&](const Tensor& v) { return diagonal * v; };
  std::mt19937_64 rng(1);
  // Signs squared are 1: every draw gives the trace of a diagonal, and the second one ends it.
  const HessianEstimate trace = hutchinson_trace(product, diagonal, {100, 1e-3}, rng);
  EXPECT_EQ(trace.products, 2);
  EXPECT_NEAR(trace.value, -2, 1e-12);
  const HessianEstimate top = top_eigenvalue(product, diagonal, {100, 1e-6}, rng);
  EXPECT_NEAR(top.value, -5, 1e-3);
  EXPECT_TRUE(top.converged);
  EXPECT_FALSE(top_eigenvalue(product, diagonal, {2, 0}, rng).converged);
  const auto nothing = [](const Tensor& v) { return torch::zeros_like(v); };
  EXPECT_EQ(top_eigenvalue(nothing, diagonal, {}, rng).value, 0);
  EXPECT_EQ(hutchinson_trace(nothing, diagonal, {}, rng).value, 0);
}

}  // namespace
}  // namespace deneb::emq
