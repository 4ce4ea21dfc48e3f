#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_network.h"

namespace nn_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using State = std::vector<std::pair<std::string, Tensor>>;

std::vector<std::string> names_of(const State& state) {
  std::vector<std::string> names;
  for (const auto& item : state) names.push_back(item.first);
  return names;
}

std::string data_error(deneb::Network& network, const State& state) {
  try {
    deneb::load_state(network, state, "w.safetensors");
  } catch (const deneb::DataError& e) {
    EXPECT_THAT(e.what(), HasSubstr("w.safetensors"));
    return e.what();
  }
  ADD_FAILURE() << "no DataError was thrown";
  return {};
}

void erase(State& state, const std::string& name) {
  state.erase(std::remove_if(state.begin(), state.end(),
                             [&](const auto& item) { return item.first == name; }),
              state.end());
}

TEST(State, NamesAreThoseOfTheModules) {
  Tiny network;
  EXPECT_THAT(names_of(deneb::state_of(network)),
              ElementsAre("conv1.weight", "bn1.weight", "bn1.bias", "block.shortcut.weight",
                          "block.shortcut.bias", "block.depthwise.weight", "fc.weight", "fc.bias",
                          "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked"));
}

TEST(State, LoadCopiesEverything) {
  torch::manual_seed(1);
  Tiny a, b;
  a.forward(torch::randn({8, 4, 6, 6}));  // moves the statistics
  const Tensor storage = b.fc->weight;
  const deneb::LoadReport report = deneb::load_state(b, copy_of(a), "w.safetensors");
  EXPECT_THAT(report.missing, IsEmpty());
  EXPECT_THAT(report.unused, IsEmpty());
  EXPECT_TRUE(same_state(copy_of(a), copy_of(b)));
  EXPECT_TRUE(b.fc->weight.is_same(storage));  // optimizers keep their parameters
  EXPECT_TRUE(b.fc->weight.requires_grad());
  EXPECT_FALSE(b.fc->weight.grad_fn());
}

TEST(State, QuantizerStateMayBeMissingAndIsLoadedWhenThere) {
  Tiny floating, quantized, other;
  for (Tiny* network : {&quantized, &other}) {
    network->fc->set_quantizers(rounding(4), rounding(4));
  }
  const deneb::LoadReport report = deneb::load_state(quantized, copy_of(floating), "f.safetensors");
  EXPECT_THAT(report.missing,
              testing::UnorderedElementsAre("fc.weight_quantizer.step", "fc.input_quantizer.step",
                                            "fc.weight_quantizer.flag", "fc.input_quantizer.flag"));
  {
    torch::NoGradGuard no_grad;
    quantized.named_parameters()["fc.input_quantizer.step"].fill_(0.25);
  }
  EXPECT_THAT(deneb::load_state(other, copy_of(quantized), "q.safetensors").missing, IsEmpty());
  EXPECT_EQ(other.named_parameters()["fc.input_quantizer.step"].item<float>(), 0.25f);
  // A float network takes the weights of a quantized one.
  EXPECT_THAT(deneb::load_state(floating, copy_of(quantized), "q.safetensors").unused,
              Contains("fc.weight_quantizer.step"));
}

TEST(State, ErrorsLeaveTheNetworkAsItWas) {
  Tiny a, b;
  a.forward(torch::randn({8, 4, 6, 6}));
  const State before = copy_of(b);

  State state = copy_of(a);
  state.back().second = torch::zeros({3});
  const std::string shape = data_error(b, state);
  EXPECT_THAT(shape, HasSubstr("1 of another shape ('bn1.num_batches_tracked' has [3], the network "
                               "needs [])"));
  EXPECT_TRUE(same_state(copy_of(b), before));

  state = copy_of(a);
  erase(state, "fc.bias");
  EXPECT_THAT(data_error(b, state), HasSubstr("1 missing ('fc.bias')"));
  state = copy_of(a);
  erase(state, "bn1.running_var");
  EXPECT_THAT(data_error(b, state), HasSubstr("1 missing ('bn1.running_var')"));
  EXPECT_THAT(data_error(b, {}), HasSubstr("10 missing ('block.depthwise.weight', "));
  EXPECT_TRUE(same_state(copy_of(b), before));
}

}  // namespace
}  // namespace nn_test
