#include <deneb/io/files.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"

namespace deneb::transformers {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using torch::Tensor;
using NamedTensors = Network::NamedTensors;

const Registry& registry() {
  static const auto loaded = plugin_test::load({"bert", "roberta", "gpt2", "deit", "standard_costs"});
  return *loaded;
}

std::shared_ptr<Network> network(const std::string& type, const json& options = json::object()) {
  return plugin_test::make<Network>(registry(), type, options);
}

std::int64_t count_parameters(const Network& net) {
  std::int64_t n = 0;
  for (const Tensor& p : net.parameters()) n += p.numel();
  return n;
}

/// As make_transformer_logits.py: evenly distributed in -1 .. 1, reproducible bit for bit.
Tensor scrambled(const std::vector<std::int64_t>& shape, std::uint32_t seed) {
  Tensor values = torch::empty(shape, torch::kFloat64);
  auto* out = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    std::uint32_t x = std::uint32_t(i) * 2654435761u + seed * 97003u + 12345u;
    x = (x ^ (x >> 16)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    x ^= x >> 16;
    out[i] = double(x) / 2147483648.0 - 1;
  }
  return values;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// The tensors of a golden case, under the names of the library that made it.
NamedTensors foreign_tensors(const json& c) {
  NamedTensors tensors;
  std::uint32_t seed = 0;
  for (const json& entry : c.at("tensors")) {
    const std::string name = entry[0];
    const std::vector<std::int64_t> shape = entry[1];
    Tensor value = scrambled(shape, seed++);
    const bool embedding = contains(name, "embed") || contains(name, "wte") ||
                           contains(name, "wpe") || contains(name, "_token");
    if (shape.size() == 1) {
      const bool weight = name.size() >= 6 && name.compare(name.size() - 6, 6, "weight") == 0;
      value.mul_(0.2).add_(weight ? 1 : 0);
    } else if (!embedding) {
      const double longest = double(*std::max_element(shape.begin(), shape.end()));
      value.mul_(std::sqrt(3 / (double(value.numel()) / longest)) * (shape.size() == 2 ? 1 : 0.5));
    }
    tensors.emplace_back(name, value.to(torch::kFloat32));
  }
  return tensors;
}

const json& golden() {
  static const json file = json::parse(read_file(DENEB_GOLDEN "/transformer_logits.json"));
  return file;
}

/// The network of a golden case, with its weights, in evaluation mode.
std::shared_ptr<Network> load(const json& c, const NamedTensors& tensors) {
  json options = c.at("options");
  const ScratchFolder folder;
  if (!c.at("config").is_null()) {
    write_file_atomically(folder / "config.json", c.at("config").dump());
    options["config"] = folder.path();
  }
  const auto net = network(c.at("network"), options);
  load_state(*net, tensors, c.at("name"));
  net->eval();
  return net;
}

Tensor integers(const json& rows) {
  const std::vector<std::vector<std::int64_t>> values = rows;
  std::vector<Tensor> tensors;
  for (const auto& row : values) tensors.push_back(torch::tensor(row, torch::kInt64));
  return torch::stack(tensors);
}

Batch batch_of(const json& c) {
  Batch batch;
  for (const auto& [name, rows] : c.at("batch").items()) batch[name] = integers(rows);
  if (batch.empty()) {
    const std::int64_t size = c.at("options").at("image_size");
    batch["input"] = scrambled({2, 3, size, size}, 1000).to(torch::kFloat32);
  }
  return batch;
}

/// Largest difference as a share of the largest value.
double distance(const Tensor& found, const Tensor& expected) {
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

Tensor logits_of(const json& c) {
  const std::vector<double> values = c.at("logits");
  const std::vector<std::int64_t> shape = c.at("shape");
  return torch::tensor(values, torch::kFloat32).view(shape);
}

TEST(Transformers, GiveTheLogitsOfTheirLibraries) {
  for (const json& c : golden().at("cases")) {
    SCOPED_TRACE(c.at("name"));
    const auto net = load(c, foreign_tensors(c));
    torch::NoGradGuard no_grad;
    EXPECT_LT(distance(net->forward(batch_of(c)).logits, logits_of(c)), 1e-5);
  }
}

/// Sums over the layers of a network, which are those of its encoder but for the last `heads`.
struct Sums {
  std::size_t layers = 0;
  std::int64_t weights = 0, macs = 0;
};
NetworkInfo encoder(NetworkInfo info, std::size_t heads) {
  info.layers.resize(info.layers.size() - heads);
  return info;
}
Sums sums(const NetworkInfo& info) {
  Sums s;
  for (const LayerInfo& layer : info.layers) {
    ++s.layers;
    s.weights += layer.weights;
    s.macs += layer.macs;
  }
  return s;
}

TEST(Bert, HasThePublishedSizes) {
  struct Row {
    const char* variant;
    std::int64_t width, parameters, macs;
  };
  for (const Row& row :
       {Row{"tiny", 128, 4385920, 50331648}, Row{"mini", 256, 11170560, 402653184},
        Row{"small", 512, 28763648, 1610612736}, Row{"medium", 512, 41373184, 3221225472}}) {
    SCOPED_TRACE(row.variant);
    const auto net = network("Bert", {{"variant", row.variant}});
    EXPECT_EQ(count_parameters(*net), row.parameters + 2 * row.width + 2);
    EXPECT_EQ(sums(encoder(probe(*net, "Bert"), 2)).macs, row.macs);
  }
}

}  // namespace
}  // namespace deneb::transformers
