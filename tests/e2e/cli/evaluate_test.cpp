#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "digits_model.h"

namespace cli_test {
namespace {

using nlohmann::json;

const char kPolicy[] = R"([{"name": "fc1", "weight": "int8", "activation": "uint8"}])";

TEST(Evaluate, CountsOnTheTestSplit) {
  const Folder folder;
  const std::string file = folder.file("p.json", digits_pipeline());
  const std::string weights = eights_weights(folder);
  const Outcome outcome = run({"evaluate", file, "--weights", weights, "--round-trip"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, "accuracy 9.5775 % (34 of 355)")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "policy: none, float32")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "Digits, test split, 355 samples")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "after saving and loading: the same")) << outcome.out;
  EXPECT_EQ(outcome.err, "");
}

TEST(Evaluate, JsonAndValidationSplit) {
  const Folder folder;
  const std::string file = folder.file("p.json", digits_pipeline());
  const std::string weights = eights_weights(folder);
  const json test = json::parse(run({"evaluate", file, "--weights", weights, "--json"}).out);
  EXPECT_EQ(test.at("samples"), kTestDigits);
  EXPECT_DOUBLE_EQ(test.at("metrics").at("accuracy"), double(kTestEights) / kTestDigits);
  EXPECT_EQ(test.at("policy"), json::array());
  EXPECT_FALSE(test.contains("round_trip_identical"));

  const Outcome validation = run({"evaluate", file, "--weights", weights, "--split", "validation",
                                  "--set", "judge.data_loader.train_portion=0.5", "--json"});
  ASSERT_EQ(validation.exit_code, 0) << validation.err;
  EXPECT_EQ(json::parse(validation.out).at("samples"), (1797 - kTestDigits) / 2);
  EXPECT_EQ(json::parse(validation.out).at("split"), "validation");
}

TEST(Evaluate, PolicyComesFromTheWeightsOrAFile) {
  const Folder folder;
  const std::string file = folder.file("p.json", digits_pipeline());
  const std::string weights = eights_weights(folder, {{"deneb.policy", kPolicy}});
  const Outcome stored = run({"evaluate", file, "--weights", weights});
  ASSERT_EQ(stored.exit_code, 0) << stored.err;
  EXPECT_TRUE(holds(stored.out, "policy: from the weights file")) << stored.out;
  EXPECT_TRUE(holds(stored.out, "(34 of 355)")) << stored.out;
  EXPECT_TRUE(holds(stored.err, "warning: " + weights + ": has no state for")) << stored.err;

  const std::string policy =
      folder.file("policy.json", std::string(R"({"format": "deneb-policy", "version": 1, )") +
                                     R"("model": {}, "layers": )" + kPolicy + "}");
  const Outcome given =
      run({"evaluate", file, "--weights", eights_weights(folder), "--policy", policy, "--json"});
  ASSERT_EQ(given.exit_code, 0) << given.err;
  EXPECT_EQ(json::parse(given.out).at("policy"), json::parse(kPolicy));
}

// Post-training quantization: float weights, ranges from calibration, nothing to warn of.
TEST(Evaluate, FloatWeightsAreCalibrated) {
  const Folder folder;
  const std::string policy =
      folder.file("policy.json", std::string(R"({"format": "deneb-policy", "version": 1, )") +
                                     R"("model": {}, "layers": )" + kPolicy + "}");
  const Outcome outcome = run(
      {"evaluate", folder.file("p.json", digits_pipeline()), "--weights", eights_weights(folder),
       "--policy", policy, "--round-trip", "--set",
       R"(judge.quantizer={"weight": {"type": "Uniform"}, "activation": {"type": "Uniform"}})"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(holds(outcome.out, "(34 of 355)")) << outcome.out;
}

// Step sizes of four bits say nothing about eight.
TEST(Evaluate, StepSizesOfAnotherWidthAreNotTaken) {
  const Folder folder;
  const std::string file = folder.file("p.json", digits_pipeline());
  const auto policy = [](const std::string& bits) {
    return R"([{"name": "fc1", "weight": "int)" + bits + R"(", "activation": "uint)" + bits +
           R"("}])";
  };
  deneb::TensorFile trained =
      deneb::read_safetensors(eights_weights(folder, {{"deneb.policy", policy("4")}}));
  for (const char* site : {"fc1.weight_quantizer.", "fc1.input_quantizer."}) {
    trained.tensors.emplace_back(std::string(site) + "scale", torch::ones({}));
    trained.tensors.emplace_back(std::string(site) + "initialized", torch::ones({}, torch::kBool));
  }
  const std::string weights = folder.path() + "/trained.safetensors";
  deneb::write_safetensors(weights, trained);
  for (const char* bits : {"4", "8"}) {
    const std::string name = folder.file(
        "policy.json",
        R"({"format": "deneb-policy", "version": 1, "model": {}, "layers": )" + policy(bits) + "}");
    const Outcome outcome = run({"evaluate", file, "--weights", weights, "--policy", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(holds(outcome.err, "has no state for 4 tensors"), *bits == '8') << outcome.err;
  }
}

TEST(Evaluate, TensorsWithoutAPlaceAreToldOf) {
  const Folder folder;
  deneb::TensorFile weights = deneb::read_safetensors(eights_weights(folder));
  weights.tensors.emplace_back("fc1.weight_quantizer.step", torch::ones({1}));
  deneb::write_safetensors(folder.path() + "/more.safetensors", weights);
  const Outcome outcome = run({"evaluate", folder.file("p.json", digits_pipeline()), "--weights",
                               folder.path() + "/more.safetensors"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(holds(outcome.err, "fc1.weight_quantizer.step")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "--policy")) << outcome.err;
}

TEST(Evaluate, Mistakes) {
  const Folder folder;
  const std::string file = folder.file("p.json", digits_pipeline());
  const std::string weights = eights_weights(folder);
  EXPECT_EQ(run({"evaluate", file}).exit_code, 2);
  EXPECT_EQ(run({"evaluate", file, "--weights", weights, "--split", "train"}).exit_code, 2);
  EXPECT_EQ(run({"evaluate", file, "--weights", folder.path() + "/absent"}).exit_code, 4);
  EXPECT_EQ(run({"evaluate", file, "--weights", file}).exit_code, 4);
  const Outcome missing = run({"evaluate", "absent.json", "--weights", weights});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_TRUE(holds(missing.err, "absent.json")) << missing.err;
  const std::string odd = eights_weights(folder, {{"deneb.policy", "[{"}});
  EXPECT_EQ(run({"evaluate", file, "--weights", odd}).exit_code, 4);
  // Weights of another network: the shapes differ.
  const Outcome other = run({"evaluate", file, "--weights", eights_weights(folder), "--set",
                             "judge.network.hidden=[16]"});
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_TRUE(holds(other.err, "fc1.weight")) << other.err;
}

}  // namespace
}  // namespace cli_test
