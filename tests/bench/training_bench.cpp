// One training step, in float32 and bfloat16, and one evaluation pass of ResNet-20 on CIFAR-10
// sized images, batch 128, float against all layers in W4A4 (LSQ). peak_MiB: tensors that are alive
// at once beyond parameters, gradients and momenta. search_step: the same with mixtures, that is a
// step of a differentiable search; of ResNet-18 on 224x224 images, batch 8, beside the float step.
// The same of a BERT of MiniLM's size (6 layers, width 384), 32 texts of 32 tokens, in W8A8.
#include <torch/nn/functional/loss.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <deneb/train/evaluator.h>

#include "bench_main.h"
#include "compat/autocast.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/counting_allocator.h"

namespace {

using torch::Tensor;

const deneb::Registry& registry() {
  static const auto loaded =
      plugin_test::load({"bert", "lsq", "mixture", "resnet", "resnet_cifar", "uniform"});
  return *loaded;
}

using deneb::Quantizer;
using deneb::QuantizerFactory;
using nlohmann::json;

QuantizerFactory maker(const std::string& type, const json& options = json::object()) {
  return
      [=](const deneb::Format&) { return plugin_test::make<Quantizer>(registry(), type, options); };
}

void use_channels_last(deneb::Network& network) {
  for (Tensor& p : network.parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

std::shared_ptr<deneb::Network> resnet20(const QuantizerFactory& quantizers) {
  torch::manual_seed(1);
  auto network = plugin_test::make<deneb::Network>(registry(), "ResNetCifar", {{"depth", 20}});
  if (quantizers) {
    const auto info = deneb::probe(*network, "ResNetCifar");
    deneb::apply_policy(*network, deneb::uniform_policy(info, 4, 4), quantizers, quantizers);
  }
  use_channels_last(*network);
  return network;
}

// Mixtures as EdMIPS has them; the first and the last layer stay float.
std::shared_ptr<deneb::Network> resnet18(bool mixed) {
  torch::manual_seed(1);
  auto network = plugin_test::make<deneb::Network>(registry(), "ResNet", {{"depth", 18}});
  if (mixed) {
    const auto info = deneb::probe(*network, "ResNet");
    deneb::BitPolicy policy = deneb::uniform_policy(info, 4, 4);
    policy.set(info.layers.front().name, {});
    policy.set(info.layers.back().name, {});
    deneb::apply_policy(*network, policy, maker("Mixture", {{"widths", {1, 2, 3, 4}}}),
                        maker("Mixture", {{"widths", {2, 3, 4}}}));
  }
  use_channels_last(*network);
  return network;
}

// Weights by channel, inputs by tensor, fixed ranges.
std::shared_ptr<deneb::Network> minilm(bool quantized) {
  torch::manual_seed(1);
  const ScratchFolder folder;
  deneb::write_file_atomically(folder / "config.json", json{{"model_type", "bert"},
                                                            {"vocab_size", 30522},
                                                            {"hidden_size", 384},
                                                            {"num_hidden_layers", 6},
                                                            {"num_attention_heads", 12},
                                                            {"intermediate_size", 1536},
                                                            {"max_position_embeddings", 512},
                                                            {"type_vocab_size", 2},
                                                            {"hidden_act", "gelu"},
                                                            {"layer_norm_eps", 1e-12}}
                                                           .dump());
  auto network = plugin_test::make<deneb::Network>(
      registry(), "Bert", {{"config", std::string(folder / "config.json")}, {"max_length", 32}});
  if (quantized) {
    const auto info = deneb::probe(*network, "Bert");
    deneb::apply_policy(*network, deneb::uniform_policy(info, 8, 8),
                        maker("Uniform", {{"granularity", "channel"}}), maker("Uniform"));
  }
  return network;
}

deneb::Batch texts() {
  deneb::Batch batch;
  batch["input"] = torch::randint(1000, 30000, {32, 32}, torch::kInt64);
  return batch;
}

deneb::Batch images(std::int64_t count = 128, std::int64_t size = 32) {
  deneb::Batch batch;
  batch["input"] = torch::randn({count, 3, size, size}).contiguous(at::MemoryFormat::ChannelsLast);
  return batch;
}

void run_steps(benchmark::State& state, const std::shared_ptr<deneb::Network>& network,
               const deneb::Batch& batch, bool bf16) {
  const Tensor target = torch::randint(2, {batch.size()}, torch::kInt64);
  torch::optim::SGD sgd(network->parameters(),
                        torch::optim::SGDOptions(0.01).momentum(0.9).nesterov(true));
  const auto step = [&] {
    sgd.zero_grad();
    Tensor logits;
    {
      const deneb::detail::Bfloat16Autocast autocast(bf16, torch::kCPU);
      logits = network->forward(batch).logits;
    }
    torch::nn::functional::cross_entropy(logits.to(torch::kFloat32), target).backward();
    sgd.step();
  };
  step();  // allocates gradients and momenta
  state.counters["peak_MiB"] = double(CountingAllocator::install().peak_of(step)) / (1 << 20);
  for (auto _ : state) step();
}

void resnet20_step(benchmark::State& state, const QuantizerFactory& quantizers, bool bf16) {
  run_steps(state, resnet20(quantizers), images(), bf16);
}

void resnet18_step(benchmark::State& state, bool mixed) {
  run_steps(state, resnet18(mixed), images(8, 224), false);
}

void minilm_step(benchmark::State& state, bool quantized) {
  run_steps(state, minilm(quantized), texts(), false);
}

void evaluate(benchmark::State& state, const std::shared_ptr<deneb::Network>& network,
              const deneb::Batch& batch) {
  torch::NoGradGuard no_grad;
  network->forward(batch);  // the first batch sets the step sizes
  const deneb::EvaluationMode mode(*network);
  for (auto _ : state) benchmark::DoNotOptimize(network->forward(batch).logits);
}

void evaluation(benchmark::State& state, const QuantizerFactory& quantizers) {
  evaluate(state, resnet20(quantizers), images());
}

void minilm_evaluation(benchmark::State& state, bool quantized) {
  evaluate(state, minilm(quantized), texts());
}

void add_all() {
  const auto add = [](const std::string& name, auto&&... arguments) {
    benchmark::RegisterBenchmark(name.c_str(), arguments...)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  for (const bool quantized : {false, true}) {
    const std::string kind = quantized ? "w4a4" : "float";
    const QuantizerFactory quantizers = quantized ? maker("LSQ") : QuantizerFactory();
    add("training_step/" + kind, resnet20_step, quantizers, false);
    add("training_step/" + kind + "_bf16", resnet20_step, quantizers, true);
    add("evaluation/" + kind, evaluation, quantizers);
    const std::string text_kind = quantized ? "minilm_w8a8" : "minilm_float";
    add("training_step/" + text_kind, minilm_step, quantized);
    add("evaluation/" + text_kind, minilm_evaluation, quantized);
  }
  const json five = {{"steps", "lsq"}, {"widths", {2, 3, 4, 5, 6}}};
  add("search_step/resnet20_lsq_5", resnet20_step, maker("Mixture", five), false);
  add("search_step/resnet18_float", resnet18_step, false);
  add("search_step/resnet18_gaussian_w1234a234", resnet18_step, true);
}

const bool added = (add_all(), true);

}  // namespace

DENEB_BENCH_MAIN()
