// One training step, in float32 and bfloat16, and one evaluation pass of ResNet-20 on CIFAR-10
// sized images, batch 128, float against all layers in W4A4 (LSQ). peak_MiB: tensors that are alive
// at once beyond parameters, gradients and momenta. search_step: the same with mixtures, that is a
// step of a differentiable search; of ResNet-18 on 224x224 images, batch 8, beside the float step.
// fliqs: formats drawn anew before every step, all methods side by side, and a step of the policy
// after it. The same of a BERT of MiniLM's size (6 layers, width 384), 32 texts of 32 tokens, in
// W8A8.
#include <torch/nn/functional/loss.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>
#include <deneb/train/evaluator.h>

#include "bench_main.h"
#include "compat/autocast.h"
#include "format_policy.h"
#include "format_switch.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "support/counting_allocator.h"

namespace {

using torch::Tensor;

const deneb::Registry& registry() {
  static const auto loaded = plugin_test::load({"bert", "lsq", "mixture", "resnet", "resnet_cifar",
                                                "small_float", "standard_costs", "uniform"});
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

/// Formats of a network by a policy that learns, as FLIQS' search has them; its reward is the cost.
class FormatSearch {
 public:
  FormatSearch(deneb::Network& network, const std::string& type, std::vector<deneb::Format> formats)
      : info_(deneb::probe(network, type)),
        formats_(std::move(formats)),
        cost_(plugin_test::make<deneb::CostModel>(registry(), "bitops")),
        policy_(std::vector<std::size_t>(info_.layers.size(), formats_.size()), 1, {}) {}

  void draw(deneb::Network& network) {
    choice_ = policy_.sample(rng_, /*uniform=*/false);
    std::size_t i = 0;
    for (const deneb::NamedQuantLayer& named : deneb::quant_layers(network)) {
      const deneb::LayerInfo& layer = info_.layers[i];
      deneb::Format weight = formats_[std::size_t(choice_[i])], input = weight;
      if (input.is_integer()) input = deneb::Format::integer(input.bits, layer.signed_input);
      named.layer->weight_quantizer()->set_format(weight);
      named.layer->input_quantizer()->set_format(input);
      drawn_.set(layer.name, {weight, input});
      ++i;
    }
  }

  void learn(double loss) {
    const double advantage = -loss - cost_->total(info_, drawn_) / 1e9;
    policy_.learn(choice_, std::vector<double>(choice_.size(), advantage), 0.01);
  }

  static QuantizerFactory switches(const std::string& integers, const json& options,
                                   const std::vector<deneb::Format>& formats) {
    return [=](const deneb::Format& any) {
      std::vector<deneb::Format> own;
      for (const deneb::Format& f : formats) {
        own.push_back(f.is_integer() ? deneb::Format::integer(f.bits, any.is_signed()) : f);
      }
      return std::make_shared<deneb::fliqs::FormatSwitch>(own, [=](const deneb::Format& f) {
        return f.is_integer() ? plugin_test::make<Quantizer>(registry(), integers, options)
                              : plugin_test::make<Quantizer>(
                                    registry(), "SmallFloat",
                                    {{"granularity", "tensor"}, {"update", "dynamic"}});
      });
    };
  }

 private:
  deneb::NetworkInfo info_;
  std::vector<deneb::Format> formats_;
  std::shared_ptr<deneb::CostModel> cost_;
  deneb::fliqs::FormatPolicy policy_;
  std::vector<int> choice_;
  deneb::BitPolicy drawn_;
  std::mt19937_64 rng_{1};
};

void run_steps(benchmark::State& state, const std::shared_ptr<deneb::Network>& network,
               const deneb::Batch& batch, bool bf16, FormatSearch* search = nullptr) {
  const Tensor target = torch::randint(2, {batch.size()}, torch::kInt64);
  torch::optim::SGD sgd(network->parameters(),
                        torch::optim::SGDOptions(0.01).momentum(0.9).nesterov(true));
  const auto step = [&] {
    if (search) search->draw(*network);
    sgd.zero_grad();
    Tensor logits;
    {
      const deneb::detail::Bfloat16Autocast autocast(bf16, torch::kCPU);
      logits = network->forward(batch).logits;
    }
    const Tensor loss = torch::nn::functional::cross_entropy(logits.to(torch::kFloat32), target);
    loss.backward();
    sgd.step();
    if (search) search->learn(loss.item<double>());
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

std::vector<deneb::Format> formats_of(const std::vector<std::string>& words) {
  std::vector<deneb::Format> formats;
  for (const std::string& word : words) formats.push_back(deneb::Format::parse(word));
  return formats;
}

void resnet20_fliqs_step(benchmark::State& state, const std::vector<std::string>& words) {
  const auto formats = formats_of(words);
  const auto network = resnet20(FormatSearch::switches("LSQ", json::object(), formats));
  FormatSearch search(*network, "ResNetCifar", formats);
  run_steps(state, network, images(), false, &search);
}

void minilm_fliqs_step(benchmark::State& state) {
  const auto formats = formats_of({"int4", "int8"});
  const auto network = minilm(false);
  const auto info = deneb::probe(*network, "Bert");
  deneb::apply_policy(*network, deneb::uniform_policy(info, 8, 8),
                      FormatSearch::switches("Uniform", {{"granularity", "channel"}}, formats),
                      FormatSearch::switches("Uniform", json::object(), formats));
  FormatSearch search(*network, "Bert", formats);
  run_steps(state, network, texts(), false, &search);
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
  add("search_step/resnet20_fliqs_int", resnet20_fliqs_step,
      std::vector<std::string>{"int2", "int3", "int4", "int5", "int6", "int7", "int8"});
  add("search_step/resnet20_fliqs_mixed", resnet20_fliqs_step,
      std::vector<std::string>{"int4", "e2m1", "int6", "e2m3", "int8", "e4m3"});
  add("search_step/minilm_fliqs", minilm_fliqs_step);
  add("search_step/resnet18_float", resnet18_step, false);
  add("search_step/resnet18_gaussian_w1234a234", resnet18_step, true);
}

const bool added = (add_all(), true);

}  // namespace

DENEB_BENCH_MAIN()
