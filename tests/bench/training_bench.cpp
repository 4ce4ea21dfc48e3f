// One training step, in float32 and bfloat16, and one evaluation pass of ResNet-20 on CIFAR-10
// sized images, batch 128, float against all layers in W4A4 (LSQ). peak_MiB: tensors that are alive
// at once beyond parameters, gradients and momenta.
#include <torch/nn/functional/loss.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/nn/walk.h>
#include <deneb/train/evaluator.h>

#include "bench_main.h"
#include "compat/autocast.h"
#include "plugins/plugin_registry.h"
#include "support/counting_allocator.h"

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
    const auto factory = [](const deneb::Format&) {
      return plugin_test::make<deneb::Quantizer>(registry(), "LSQ");
    };
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

void training_step(benchmark::State& state, bool quantized, bool bf16) {
  const auto network = resnet20(quantized);
  deneb::Batch batch;
  batch["input"] = images();
  const Tensor target = torch::randint(10, {128}, torch::kInt64);
  torch::optim::SGD sgd(network->parameters(),
                        torch::optim::SGDOptions(0.01).momentum(0.9).nesterov(true));
  const auto step = [&] {
    sgd.zero_grad();
    Tensor logits;
    {
      const deneb::detail::Bfloat16Autocast autocast(bf16, torch::kCPU);
      logits = network->Network::forward(batch).logits;
    }
    torch::nn::functional::cross_entropy(logits.to(torch::kFloat32), target).backward();
    sgd.step();
  };
  step();  // allocates gradients and momenta
  state.counters["peak_MiB"] = double(CountingAllocator::install().peak_of(step)) / (1 << 20);
  for (auto _ : state) step();
}

void evaluation(benchmark::State& state, bool quantized) {
  torch::NoGradGuard no_grad;
  const auto network = resnet20(quantized);
  deneb::Batch batch;
  batch["input"] = images();
  network->Network::forward(batch);  // the first batch sets the step sizes
  const deneb::EvaluationMode mode(*network);
  for (auto _ : state) benchmark::DoNotOptimize(network->Network::forward(batch).logits);
}

void add_all() {
  const auto add = [](const std::string& name, auto&&... arguments) {
    benchmark::RegisterBenchmark(name.c_str(), arguments...)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  for (const bool quantized : {false, true}) {
    const std::string kind = quantized ? "w4a4" : "float";
    add("training_step/" + kind, training_step, quantized, false);
    add("training_step/" + kind + "_bf16", training_step, quantized, true);
    add("evaluation/" + kind, evaluation, quantized);
  }
}

const bool added = (add_all(), true);

}  // namespace

DENEB_BENCH_MAIN()
