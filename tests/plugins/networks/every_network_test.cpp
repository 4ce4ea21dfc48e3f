#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <deneb/train/cross_entropy.h>
#include <deneb/train/evaluator.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <set>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "small_transformers.h"

// Slow: every registered network learns a step, is saved, loaded and evaluated; sizes of networks
// that are too large for the default tests.
namespace deneb::every_network {
namespace {

using nlohmann::json;
using torch::Tensor;

const Registry& registry() {
  static const auto loaded = [] {
    auto registry = std::make_unique<Registry>();
    PluginLoader loader(*registry);
    loader.load_directory(DENEB_PLUGIN_DIR);
    return registry;
  }();
  return *loaded;
}

struct Case {
  std::string type;
  json options;
};

json with_head(json options, const char* head) {
  options["head"] = head;
  return options;
}

/// At least one for every registered network.
std::vector<Case> all_networks() {
  return {{"MLP", json::object()},
          {"MiniResNet", json::object()},
          {"ResNetCifar", json::object()},
          {"ResNetCifar", {{"order", "edmips"}}},
          {"ResNet", {{"depth", 18}, {"image_size", 64}}},
          {"ResNet", {{"depth", 50}, {"image_size", 64}}},
          {"ResNet", {{"depth", 18}, {"stem", "cifar"}, {"image_size", 32}}},
          {"VGG", json::object()},
          {"MobileNetV1", {{"image_size", 64}}},
          {"MobileNetV1", {{"image_size", 32}, {"stem_stride", 1}}},
          {"MobileNetV2", {{"image_size", 64}}},
          {"MobileNetV2", {{"image_size", 64}, {"convention", "google"}}},
          {"EfficientNet", {{"variant", "b0"}, {"image_size", 64}}},
          {"EfficientNet", {{"variant", "b3"}, {"image_size", 64}}},
          {"GoogLeNet", {{"image_size", 64}, {"auxiliary", true}}},
          {"GoogLeNet", {{"image_size", 64}, {"order", "edmips"}}},
          {"InceptionV3", {{"image_size", 107}}},
          {"InceptionV3", {{"image_size", 107}, {"order", "edmips"}}},
          {"DeiT", {{"variant", "tiny"}, {"image_size", 64}}},
          {"Bert", {{"variant", "tiny"}}},
          {"Roberta", plugin_test::small_options("Roberta")},
          {"Gpt2", plugin_test::small_options("Gpt2")},
          {"Gpt2", with_head(plugin_test::small_options("Gpt2"), "language_model")}};
}

std::shared_ptr<Network> quantized(const Case& c, const NetworkInfo& info) {
  const auto net = plugin_test::make<Network>(registry(), c.type, c.options);
  const QuantizerFactory factory = [](const Format&) {
    return plugin_test::make<Quantizer>(registry(), "LSQ");
  };
  apply_policy(*net, uniform_policy(info, 4, 4), factory, factory);
  return net;
}

/// Samples that the network could see, two alike but for their targets.
Batch batch_of(const Network& net) {
  Batch batch;
  for (const auto& [name, tensor] : net.example_batch().tensors) {
    std::vector<std::int64_t> repeats(std::size_t(tensor.dim()), 1);
    repeats[0] = 4;
    batch[name] = tensor.repeat(repeats);
    if (batch[name].is_floating_point()) batch[name] += 0.1 * torch::randn(batch[name].sizes());
  }
  return batch;
}

TEST(EveryNetwork, IsListed) {
  std::set<std::string> listed;
  for (const Case& c : all_networks()) listed.insert(c.type);
  for (const std::string& name : registry().names(Network::kKind)) {
    EXPECT_TRUE(listed.count(name)) << name << " has no line in all_networks()";
  }
}

TEST(EveryNetwork, LearnsAStepIsSavedLoadedAndEvaluated) {
  const ScratchFolder folder;
  for (const Case& c : all_networks()) {
    SCOPED_TRACE(c.type + c.options.dump());
    torch::manual_seed(1);
    const NetworkInfo info =
        probe(*plugin_test::make<Network>(registry(), c.type, c.options), c.type);
    const auto net = quantized(c, info);
    Batch batch = batch_of(*net);
    net->train();
    torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.01));
    const Output output = net->forward(batch);
    // A target for every answer: for each sample, or for each of its tokens.
    const auto shape = output.logits.sizes();
    batch["target"] = torch::randint(shape.back(), shape.slice(0, shape.size() - 1));
    const Tensor loss = CrossEntropy().loss(output, batch);
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
    loss.backward();
    for (const NamedQuantLayer& layer : quant_layers(*net)) {
      ASSERT_TRUE(layer.layer->float_weight().grad().defined()) << layer.name;
    }
    sgd.step();

    TensorFile file;
    file.tensors = state_of(*net);
    write_safetensors(folder / "w.safetensors", file);
    torch::manual_seed(2);
    const auto loaded = quantized(c, info);
    const LoadReport report =
        load_state(*loaded, read_safetensors(folder / "w.safetensors").tensors, "w.safetensors");
    EXPECT_TRUE(report.missing.empty());
    EXPECT_TRUE(report.unused.empty());
    torch::NoGradGuard no_grad;
    const EvaluationMode own(*net), others(*loaded);
    const Tensor logits = net->forward(batch).logits;
    EXPECT_TRUE(torch::isfinite(logits).all().item<bool>());
    EXPECT_TRUE(torch::equal(logits, loaded->forward(batch).logits));
  }
}

TEST(EveryNetwork, SizesOfLargeOnes) {
  struct Row {
    const char* variant;
    std::int64_t parameters, macs, macs_without_gates;
  };
  for (const Row& row : {Row{"b1", 7794184, 686802832, 685694352},
                         {"b2", 9109994, 993561872, 992248144},
                         {"b3", 12233232, 1827141392, 1825281744},
                         {"b4", 19341616, 4393771024, 4390653616},
                         {"b5", 30389784, 10266384752, 10261233200},
                         {"b6", 43040704, 19067593536, 19060112352},
                         {"b7", 66347960, 37745884192, 37733984288}}) {
    SCOPED_TRACE(row.variant);
    const auto net =
        plugin_test::make<Network>(registry(), "EfficientNet", {{"variant", row.variant}});
    std::int64_t parameters = 0, macs = 0, gates = 0;
    for (const Tensor& p : net->parameters()) parameters += p.numel();
    for (const LayerInfo& layer : probe(*net, "EfficientNet").layers) {
      macs += layer.macs;
      if (layer.name.find(".fc") != std::string::npos) gates += layer.macs;
    }
    EXPECT_EQ(parameters, row.parameters);
    EXPECT_EQ(macs, row.macs);
    EXPECT_EQ(macs - gates, row.macs_without_gates);
  }
}

}  // namespace
}  // namespace deneb::every_network
