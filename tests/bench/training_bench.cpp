// One training step and one evaluation pass of ResNet-20 on CIFAR-10 sized images, batch 128, float
// against all layers in W4A4 (LSQ).
#include <torch/torch.h>

#include <deneb/nn/walk.h>

#include "bench_main.h"
#include "plugins/plugin_registry.h"

namespace {

using torch::Tensor;

const deneb::Registry& registry() {
  static const auto loaded = plugin_test::load({"lsq", "resnet_cifar"});
  return *loaded;
}

std::shared_ptr<deneb::Network> resnet20(bool quantized) {
  torch::manual_seed(1);
  auto network = plugin_test::make<deneb::Network>(registry(), "ResNetCifar", {{"depth", 20}});
  if (quantized) {
    const auto info = deneb::probe(*network, "ResNetCifar");
    const auto factory = [] { return plugin_test::make<deneb::Quantizer>(registry(), "LSQ"); };
    deneb::apply_policy(*network, deneb::uniform_policy(info, 4, 4), factory, factory);
  }
  for (Tensor& p : network->parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
  return network;
}

Tensor images() {
  return torch::randn({128, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
}

void training_step(benchmark::State& state, bool quantized) {
  const auto network = resnet20(quantized);
  deneb::Batch batch;
  batch["input"] = images();
  const Tensor target = torch::randint(10, {128}, torch::kInt64);
  torch::optim::SGD sgd(network->parameters(),
                        torch::optim::SGDOptions(0.01).momentum(0.9).nesterov(true));
  for (auto _ : state) {
    sgd.zero_grad();
    torch::nn::functional::cross_entropy(network->Network::forward(batch).logits, target)
        .backward();
    sgd.step();
  }
}

void evaluation(benchmark::State& state, bool quantized) {
  torch::NoGradGuard no_grad;
  const auto network = resnet20(quantized);
  deneb::Batch batch;
  batch["input"] = images();
  network->Network::forward(batch);  // the first batch sets the step sizes
  network->eval();
  for (auto _ : state) benchmark::DoNotOptimize(network->Network::forward(batch).logits);
}

void add_all() {
  for (const bool quantized : {false, true}) {
    const std::string kind = quantized ? "w4a4" : "float";
    benchmark::RegisterBenchmark(("training_step/" + kind).c_str(), training_step, quantized)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark(("evaluation/" + kind).c_str(), evaluation, quantized)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
}

const bool added = (add_all(), true);

}  // namespace

DENEB_BENCH_MAIN()
