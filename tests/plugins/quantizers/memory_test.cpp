// Memory of a training step, counted in bytes of tensors.
#include <torch/nn/functional/loss.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <deneb/nn/walk.h>

#include "quantizer_fixture.h"
#include "support/counting_allocator.h"

namespace quantizer_test {
namespace {

// Largest number of bytes alive in a step beyond parameters, gradients and momenta.
double peak_of_a_step(const std::string& quantizer,
                      const nlohmann::json& options = nlohmann::json::object()) {
  static const auto networks = plugin_test::load({"resnet_cifar"});
  torch::manual_seed(1);
  const auto network = plugin_test::make<deneb::Network>(*networks, "ResNetCifar");
  if (!quantizer.empty()) {
    const auto info = deneb::probe(*network, "ResNetCifar");
    const auto factory = [&](const Format&) {
      return plugin_test::make<Quantizer>(registry(), quantizer, options);
    };
    deneb::apply_policy(*network, deneb::uniform_policy(info, 4, 4), factory, factory);
  }
  for (Tensor& p : network->parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
  const Tensor x = torch::randn({32, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
  const Tensor target = torch::zeros({32}, torch::kInt64);
  torch::optim::SGD sgd(network->parameters(), torch::optim::SGDOptions(0.01).momentum(0.9));
  const auto step = [&] {
    sgd.zero_grad();
    torch::nn::functional::cross_entropy(network->forward(x), target).backward();
    sgd.step();
  };
  step();
  return double(CountingAllocator::install().peak_of(step));
}

TEST(Memory, AQuantizedTrainingStepTakesHardlyMoreThanAFloatOne) {
  CountingAllocator::install();
  const double plain = peak_of_a_step("");
  EXPECT_GT(plain, 32 * 16 * 1024 * 4);  // it does count
  EXPECT_LT(peak_of_a_step("LSQ"), 1.05 * plain);
  const nlohmann::json five = {{"steps", "lsq"}, {"widths", {2, 3, 4, 5, 6}}};
  EXPECT_LT(peak_of_a_step("Mixture", five), 1.05 * plain);
}

}  // namespace
}  // namespace quantizer_test
