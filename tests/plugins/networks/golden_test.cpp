#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "plugins/plugin_registry.h"

// Answers of other libraries' networks to the same tensors, tests/golden/vision.json.
namespace deneb::golden {
namespace {

using nlohmann::json;
using torch::Tensor;
using Shape = std::vector<std::int64_t>;

std::shared_ptr<Network> network(const json& entry) {
  static const auto registry = plugin_test::load(
      {"mobilenet_v2", "efficientnet", "resnet", "vgg", "googlenet", "inception_v3"});
  return plugin_test::make<Network>(*registry, entry.at("type"), entry.at("options"));
}

/// As value_of in tests/golden/make_vision.py.
Tensor value_of(const std::string& name, const Shape& shape, double norm = 1) {
  std::uint32_t seed = 2166136261u;
  for (const unsigned char byte : name) seed = (seed ^ byte) * 16777619u;
  Tensor tensor = torch::empty(shape);
  const std::string leaf = name.substr(name.rfind('.') + 1);
  double factor = 0.2, middle = 0;
  if (name == "input") {
    factor = std::sqrt(3.0);
  } else if (shape.size() >= 2) {
    factor = std::sqrt(6.0 * double(shape[0]) / double(tensor.numel()));
  } else if (leaf == "weight" || leaf == "running_var") {
    factor = 0.5;
    middle = leaf == "weight" ? norm : 1;
  }
  float* values = tensor.data_ptr<float>();
  for (std::uint32_t i = 0; i < tensor.numel(); ++i) {
    std::uint32_t h = i * 0x9E3779B1u + seed;
    h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) * 0xC2B2AE35u;
    h ^= h >> 16;
    values[i] = float(middle + factor * (double(h) / 0x1p31 - 1));
  }
  return tensor;
}

Network::NamedTensors state_for(const json& entry, const Network& net) {
  Network::NamedTensors state;
  const double norm = entry.value("norm", 1.0);
  const auto add = [&](const std::string& name, const Shape& shape) {
    state.emplace_back(
        name, shape.empty() ? torch::zeros({}, torch::kInt64) : value_of(name, shape, norm));
  };
  if (entry.contains("state")) {
    for (const json& tensor : entry["state"]) add(tensor[0], tensor[1]);
  } else {
    for (const auto& [name, tensor] : state_of(net)) add(name, tensor.sizes().vec());
  }
  return state;
}

void expect_answer(const Tensor& found, const json& numbers, double tolerance) {
  const Tensor expected = torch::tensor(numbers.get<std::vector<double>>(), torch::kFloat64);
  ASSERT_EQ(found.numel(), expected.numel());
  const Tensor difference = (found.detach().flatten().to(torch::kFloat64) - expected).abs();
  EXPECT_LT(difference.max().item<double>(), tolerance * expected.abs().max().item<double>());
}

json all_entries() { return json::parse(read_file(DENEB_GOLDEN "/vision.json")); }

TEST(Golden, NetworksAnswerAsTheirModels) {
  int foreign = 0;
  for (const json& entry : all_entries()) {
    SCOPED_TRACE(entry["type"].dump() + entry["options"].dump());
    const auto net = network(entry);
    const LoadReport report = load_state(*net, state_for(entry, *net), "golden");
    EXPECT_THAT(report.missing, ::testing::IsEmpty());
    EXPECT_THAT(report.unused, ::testing::IsEmpty());
    foreign += entry.contains("state");
    Batch batch;
    batch["input"] = value_of("input", entry["input"].get<Shape>());
    const bool training = entry.contains("auxiliary");
    net->train(training);
    torch::NoGradGuard no_grad;
    const Output output = net->forward(batch);
    // Statistics of a batch enlarge what rounding does.
    const double tolerance = training ? 1e-3 : 1e-4;
    expect_answer(output.logits, entry["logits"], tolerance);
    const json heads = entry.value("auxiliary", json::object());
    ASSERT_EQ(output.auxiliary.size(), heads.size());
    for (const auto& [name, logits] : output.auxiliary) {
      SCOPED_TRACE(name);
      expect_answer(logits, heads.at(name), tolerance);
    }
  }
  EXPECT_EQ(foreign, 4);
}

}  // namespace
}  // namespace deneb::golden
