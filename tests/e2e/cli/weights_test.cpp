#include <gtest/gtest.h>
#include <torch/utils.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include <deneb/io/weight_file.h>
#include <deneb/nn/walk.h>

#include "digits_model.h"
#include "foreign_weights.h"
#include "plugins/plugin_registry.h"

/// Weights from elsewhere: convert, evaluate and validate.
namespace cli_test {
namespace weights {
namespace {

using deneb::TensorFile;
using nlohmann::json;

const std::string kGolden = DENEB_GOLDEN "/weights/";

TEST(Convert, PytorchToSafetensors) {
  const Folder folder;
  const std::string out = folder.path() + "/new/state.safetensors";
  const Outcome outcome = run({"convert", kGolden + "checkpoint_legacy.pth", out});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, out + ": 15 tensors, 82 numbers")) << outcome.out;
  const TensorFile from = deneb::read_weights(kGolden + "state.pth");
  const TensorFile to = deneb::read_safetensors(out);
  ASSERT_EQ(to.tensors.size(), from.tensors.size());
  for (std::size_t i = 0; i < from.tensors.size(); ++i) {
    EXPECT_EQ(to.tensors[i].first, from.tensors[i].first);
    EXPECT_TRUE(torch::equal(to.tensors[i].second, from.tensors[i].second));
    EXPECT_TRUE(to.tensors[i].second.is_contiguous());
  }
  EXPECT_EQ(to.metadata.at("format"), "pt");
}

TEST(Convert, RenamesAndLeavesOut) {
  const Folder folder;
  const std::string out = folder.path() + "/w.safetensors";
  const std::string in = eights_weights(folder, {{"deneb.policy", "[]"}, {"author", "me"}});
  const Outcome outcome = run({"convert", in, out, "--rename", "fc*.weight=head*.kernel",
                               "--rename", "fc=x", "--ignore", "*.bias"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const TensorFile to = deneb::read_safetensors(out);
  ASSERT_EQ(to.tensors.size(), 1u);
  EXPECT_EQ(to.tensors[0].first, "head1.kernel");
  EXPECT_EQ(to.metadata.count("deneb.policy"), 0u);
  EXPECT_EQ(to.metadata.at("author"), "me");
  ASSERT_EQ(run({"convert", in, out}).exit_code, 0);
  EXPECT_EQ(deneb::read_safetensors(out).metadata.at("deneb.policy"), "[]");
}

TEST(Convert, Mistakes) {
  const Folder folder;
  const std::string in = eights_weights(folder), out = folder.path() + "/w.safetensors";
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> mistakes = {
      {{in, folder.path() + "/w.pth"}, 2, "expected a name that ends in .safetensors"},
      {{in, out, "--rename", "fc"}, 2, "--rename: got 'fc', expected FROM=TO"},
      {{in, out, "--rename", "f*=x"}, 2, "rename: 'f*' has 1 `*`, 'x' has 0"},
      {{in, out, "--rename", "linear.=fc."}, 2, "fits 'linear.'; its first one is 'fc1.weight'"},
      {{in, out, "--rename", "fc=a", "--rename", "fc=b"}, 2, "'fc' is given twice"},
      {{in, out, "--rename", "fc1.bias=fc1.weight"}, 2, "get the name 'fc1.weight'"},
      {{in, out, "--ignore", "x"}, 2, "--ignore: no tensor of"},
      {{folder.path() + "/absent", out}, 4, "absent: cannot be read"},
      {{kGolden + "module.pth", out}, 4, "torch.nn.modules.linear.Linear"}};
  for (const auto& [words, exit_code, message] : mistakes) {
    std::vector<std::string> arguments = {"convert"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << message;
    EXPECT_TRUE(holds(outcome.err, message)) << outcome.err;
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

/// A pipeline that evaluates a network on Synthetic images.
std::string synthetic_pipeline(const json& network, const json& more = json::object()) {
  json step = {{"pipe_step", {{"type", "EvaluatePipeStep"}}},
               {"network", network},
               {"dataset", {{"type", "Synthetic"}, {"train_samples", 10}, {"test_samples", 60}}}};
  step.update(more);
  return json{{"pipeline", {"judge"}}, {"judge", step}}.dump();
}

json metrics_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.exit_code == 0 ? json::parse(outcome.out).at("metrics") : json();
}

// Our checkpoint, and a network with the shortcuts of public ones (option A).
TEST(ForeignWeights, PublicResNetsLoadByOptions) {
  const Folder folder;
  const auto registry = plugin_test::load({"resnet_cifar"});
  const std::string ours = folder.path() + "/ours.safetensors",
                    theirs = folder.path() + "/theirs.pth";
  for (const char* shortcut : {"projection", "zero_padding"}) {
    const json network = {{"type", "ResNetCifar"}, {"depth", 20}, {"shortcut", shortcut}};
    TensorFile file = deneb::read_weights(DENEB_CHECKPOINTS "/resnet20_cifar10_float.safetensors");
    if (network.at("shortcut") != "projection") {
      file.tensors = deneb::state_of(*plugin_test::make<deneb::Network>(
          *registry, "ResNetCifar", {{"depth", 20}, {"shortcut", shortcut}}));
    }
    file.metadata.clear();
    deneb::write_safetensors(ours, file);
    std::filesystem::remove(theirs);
    write_public_style(theirs, file);
    const std::string pipeline = folder.file("p.json", synthetic_pipeline(network));
    const Outcome plain = run({"evaluate", pipeline, "--weights", theirs, "--json"});
    EXPECT_EQ(plain.exit_code, 4);
    EXPECT_TRUE(holds(plain.err, "2 missing ('fc.bias', 'fc.weight'); 2 left over (")) << plain.err;
    const json expected = metrics_of(run({"evaluate", pipeline, "--weights", ours, "--json"}));
    EXPECT_EQ(metrics_of(run({"evaluate", pipeline, "--weights", theirs, "--json", "--set",
                              R"(judge.rename={"linear.": "fc."})"})),
              expected);
  }
}

TEST(ForeignWeights, AFreshHeadIsToldOf) {
  const Folder folder;
  const std::string pipeline = folder.file("p.json", digits_pipeline());
  TensorFile file = deneb::read_safetensors(eights_weights(folder));
  file.tensors.pop_back();
  const std::string weights = folder.path() + "/headless.safetensors";
  deneb::write_safetensors(weights, file);
  EXPECT_EQ(run({"evaluate", pipeline, "--weights", weights}).exit_code, 4);
  const Outcome outcome =
      run({"evaluate", pipeline, "--weights", weights, "--set", R"(judge.fresh=["fc1.*"])"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "lacks 1 tensors that the option fresh names (fc1.bias"))
      << outcome.err;
}

// Depth 32 into 20, ResNet-34 into 18: refused without a run.
TEST(ForeignWeights, ValidateRefusesOtherDepths) {
  const Folder folder;
  const auto registry = plugin_test::load({"resnet_cifar", "resnet"});
  for (const auto& [type, deep, shallow, left_over] :
       {std::tuple{"ResNetCifar", 32, 20, "left over ('layer1.3.conv1.weight', "},
        std::tuple{"ResNet", 34, 18, "left over ('layer1.2.conv1.weight', "}}) {
    const json small = {{"image_size", 32}, {"num_classes", 10}};
    json options = small;
    options["depth"] = deep;
    TensorFile file;
    file.tensors = deneb::state_of(*plugin_test::make<deneb::Network>(*registry, type, options));
    for (auto& entry : file.tensors) {
      // Shapes are all that validation reads: the file need not hold 85 MB of random numbers.
      entry.second = torch::zeros({}, entry.second.scalar_type()).expand(entry.second.sizes());
    }
    const std::string weights = folder.path() + "/" + type + ".safetensors";
    deneb::write_safetensors(weights, file);
    json network = small;
    network["type"] = type;
    network["depth"] = shallow;
    const std::string pipeline =
        folder.file("p.json", synthetic_pipeline(network, {{"weights", weights}}));
    const Outcome outcome = run({"validate", pipeline});
    EXPECT_EQ(outcome.exit_code, 4);
    EXPECT_TRUE(holds(outcome.err, weights + ": does not fit the network: ")) << outcome.err;
    EXPECT_TRUE(holds(outcome.err, left_over)) << outcome.err;
    network["depth"] = deep;
    EXPECT_EQ(run({"validate",
                   folder.file("good.json", synthetic_pipeline(network, {{"weights", weights}}))})
                  .exit_code,
              0);
  }
}

}  // namespace
}  // namespace weights
}  // namespace cli_test
