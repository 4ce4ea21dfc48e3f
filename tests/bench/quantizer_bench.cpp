// Fake quantization of 128x64x32x32 float32 (33.5 MB) against a plain copy of it and against the
// composition of tensor operations that a framework without a kernel runs.
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/quant/quantizer.h>

#include "bench_main.h"
#include "plugins/plugin_registry.h"

namespace {

using deneb::Format;
using deneb::Quantizer;
using nlohmann::json;
using torch::Tensor;
using Role = deneb::QuantizerSite::Role;

const deneb::Registry& registry() {
  static const auto loaded = plugin_test::load({"lsq", "mixture", "small_float", "uniform"});
  return *loaded;
}

Tensor activations() {
  torch::manual_seed(1);
  return torch::randn({128, 64, 32, 32}).relu_().contiguous(at::MemoryFormat::ChannelsLast);
}

std::shared_ptr<Quantizer> make(const std::string& type, Role role, const std::string& format,
                                const json& options, const Tensor& weight) {
  auto quantizer = plugin_test::make<Quantizer>(registry(), type, options);
  quantizer->attach({role, "bench", weight});
  quantizer->set_format(Format::parse(format));
  return quantizer;
}

void copy(benchmark::State& state) {
  const Tensor x = activations(), y = at::empty_like(x);
  for (auto _ : state) y.copy_(x);
}

void forward(benchmark::State& state, const std::string& type, const std::string& format,
             const json& options) {
  torch::NoGradGuard no_grad;
  const Tensor x = activations();
  const auto q = make(type, Role::kActivation, format, options, torch::zeros({1}));
  q->quantize(x);  // the first batch sets the range
  for (auto _ : state) benchmark::DoNotOptimize(q->quantize(x));
}

void forward_backward(benchmark::State& state, const std::string& type, const std::string& format,
                      const json& options) {
  const Tensor x = activations().requires_grad_(), up = torch::randn_like(x);
  const auto q = make(type, Role::kActivation, format, options, torch::zeros({1}));
  std::vector<Tensor> inputs = q->parameters();
  inputs.push_back(x);
  q->quantize(x);
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({q->quantize(x)}, inputs, {up}));
  }
}

// LSQ as published code writes it, the rounding and the gradient scale by the detach trick.
void composition(benchmark::State& state) {
  const Tensor x = activations().requires_grad_(), up = torch::randn_like(x);
  const Tensor step = torch::full({}, 0.15).requires_grad_();
  const double gain = 1 / std::sqrt(15.0 * double(x.numel()));
  for (auto _ : state) {
    const Tensor s = (step - step * gain).detach() + step * gain;
    const Tensor v = (x / s).clamp(0, 15);
    const Tensor y = ((v.round() - v).detach() + v) * s;
    benchmark::DoNotOptimize(torch::autograd::grad({y}, {x, step}, {up}));
  }
}

// Weights of one large layer as a mixture, forward and backward.
void mixed_weights(benchmark::State& state, const json& options) {
  torch::manual_seed(1);
  const Tensor w = torch::randn({512, 16384}).requires_grad_(), up = torch::randn_like(w);
  const auto q = make("Mixture", Role::kWeight, "int4", options, w);
  std::vector<Tensor> inputs = q->parameters();
  inputs.push_back(w);
  for (auto _ : state) {
    benchmark::DoNotOptimize(torch::autograd::grad({q->quantize(w)}, inputs, {up}));
  }
}

// Weights of one large layer, per tensor and per output channel.
void weights(benchmark::State& state, const std::string& type, const std::string& format,
             const std::string& granularity) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Tensor w = torch::randn({512, 16384});
  const auto q = make(type, Role::kWeight, format, {{"granularity", granularity}}, w);
  for (auto _ : state) benchmark::DoNotOptimize(q->quantize(w));
}

void add_all() {
  const auto add = [](const std::string& name, auto&&... arguments) {
    benchmark::RegisterBenchmark(name.c_str(), arguments...)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("copy", copy);
  add("lsq/forward", forward, "LSQ", "uint4", json::object());
  add("lsq/forward_backward", forward_backward, "LSQ", "uint4", json::object());
  add("lsq/composition_forward_backward", composition);
  const std::vector<int> three = {2, 3, 4}, five = {2, 3, 4, 5, 6};
  for (const char* steps : {"gaussian", "lsq"}) {
    for (const auto& widths : {three, five}) {
      const json options = {{"steps", steps}, {"widths", widths}};
      const std::string name = std::string(steps) + "_" + std::to_string(widths.size());
      add("mixture/forward_" + name, forward, "Mixture", "uint4", options);
      add("mixture/forward_backward_" + name, forward_backward, "Mixture", "uint4", options);
      add("mixture/weights_forward_backward_" + name, mixed_weights, options);
    }
  }
  add("uniform/forward", forward, "Uniform", "uint4", json::object());
  add("uniform/forward_asymmetric", forward, "Uniform", "uint4", json{{"symmetric", false}});
  for (const char* format : {"uint2", "uint3", "uint8", "uint16"}) {
    add(std::string("uniform/forward_") + format, forward, "Uniform", format, json::object());
  }
  for (const char* format : {"e2m0", "e2m1", "e3m0", "e2m2", "e3m1", "e2m3", "e3m2", "e3m3", "e3m4",
                             "e4m3", "e5m2", "bfloat16"}) {
    add(std::string("small_float/forward_") + format, forward, "SmallFloat", format,
        json::object());
  }
  for (const char* granularity : {"tensor", "channel", "group"}) {
    add(std::string("uniform/weights_") + granularity, weights, "Uniform", "int4", granularity);
    add(std::string("small_float/weights_") + granularity, weights, "SmallFloat", "e2m1",
        granularity);
  }
}

const bool added = (add_all(), true);

}  // namespace

DENEB_BENCH_MAIN()
