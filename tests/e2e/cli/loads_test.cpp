#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include <deneb/store/trial_store.h>

#include "in_process.h"

namespace deneb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A float network, a quantized one, and what can be made of its weights.
const char kQuantizedPipeline[] = R"({
  "general": {"seed": 3, "threads": 1, "reports": []},
  "pipeline": ["quantized"],
  "quantized": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "MiniResNet", "width": 4},
    "dataset": {"type": "Digits"},
    "data_loader": {"train_limit": 64},
    "trainer": {"epochs": 1, "max_steps": 2, "optimizer": {"lr": 0.01}},
    "uniform": [{"weight_bits": 4, "activation_bits": 4}]
  },
  "judge": {
    "pipe_step": {"type": "EvaluatePipeStep"},
    "network": {"ref": "quantized.network"}, "dataset": {"ref": "quantized.dataset"},
    "weights": "quantized:weights"
  },
  "again": {
    "ref": "quantized", "pipe_step": {"type": "TrainPipeStep", "models_folder": ""},
    "weights": "quantized:weights", "uniform": []
  },
  "nas": {
    "pipe_step": {"type": "SearchPipeStep"},
    "network": {"ref": "quantized.network"}, "dataset": {"ref": "quantized.dataset"},
    "data_loader": {"ref": "quantized.data_loader"},
    "search_space": {"bit_candidates": [2, 4], "first_layer": "int8", "last_layer": "int8"},
    "search_algorithm": {
      "type": "LIMPQ", "training": {"trainer": {"epochs": 1, "max_steps": 1}},
      "constraints": [{"name": "best", "bitops": {"wb": 3, "ab": 3}},
                      {"name": "worst", "bitops": {"wb": 3, "ab": 3}, "reversed": true}]
    }
  }
})";

class LoadsTest : public InProcessTest {
 protected:
  LoadsTest() { write_pipeline(kQuantizedPipeline); }

  static ResultRow first_row(const std::string& task, const std::string& step) {
    const TrialStore store(task + "/task.sqlite", TrialStore::Mode::kReadOnly);
    return store.trials(step).at(0);
  }
};

TEST_F(LoadsTest, TrainedWeightsAreJudgedWithTheirPolicy) {
  Listener console;
  const std::string task = run("a", {R"(pipeline=["quantized", "judge"])"}, console);
  const ResultRow trained = first_row(task, "quantized"), judged = first_row(task, "judge");
  EXPECT_EQ(judged.fingerprint, trained.fingerprint);
  EXPECT_EQ(judged.origin, "policy of the weights");
  EXPECT_EQ(judged.metrics["accuracy"], trained.metrics["accuracy"]);
  EXPECT_EQ(judged.metrics["loss"], trained.metrics["loss"]);
  EXPECT_EQ(console.count("quantizers"), 0u);
}

TEST_F(LoadsTest, AStepThatDoesNotUseStateOfQuantizersSaysSo) {
  Listener console;
  const std::string weights =
      run("a", {}, console) + "/output/quantized/models/1/weights.safetensors";
  EXPECT_EQ(console.count("warning"), 0u);
  const std::string from = "again.weights=" + weights;
  // Trained on as it was: nothing is lost.
  run("same",
      {R"(pipeline=["again"])", from,
       R"(again.uniform=[{"weight_bits": 4, "activation_bits": 4}])"},
      console);
  EXPECT_EQ(console.count("warning"), 0u);
  // To float.
  run("float", {R"(pipeline=["again"])", from}, console);
  EXPECT_EQ(console.count("warning again: " + weights), 1u);
  EXPECT_EQ(console.count("tensors of its quantizers"), 1u);
  // To other formats: the old state is not used, and the new one is not there.
  console.lines.clear();
  run("narrow",
      {R"(pipeline=["again"])", from,
       R"(again.uniform=[{"weight_bits": 3, "activation_bits": 4}])"},
      console);
  EXPECT_EQ(console.count("tensors of its quantizers"), 1u);
  EXPECT_EQ(console.count("they start anew from the weights and the data"), 1u);
  // A search.
  console.lines.clear();
  run("searched", {R"(pipeline=["nas"])", "nas.weights=" + weights}, console);
  EXPECT_EQ(console.count("was trained with quantizers"), 1u);
  EXPECT_EQ(console.count("`weights` is not set"), 0u);
}

// A policy of float32 in every layer is none.
TEST_F(LoadsTest, FloatWeightsWithAPolicyHaveNoQuantizers) {
  Listener console;
  run("a",
      {R"(pipeline=["quantized", "nas"])", "nas.weights=quantized:weights",
       R"(quantized.uniform=[{"weight_bits": 32, "activation_bits": 32}])"},
      console);
  EXPECT_EQ(console.count("quantizers"), 0u);
}

TEST_F(LoadsTest, ASearchOfRandomWeightsSaysSoWhenItRuns) {
  Listener console;
  run("a", {R"(pipeline=["nas"])"}, console);
  EXPECT_EQ(console.count("warning nas: LIMPQ learns the indicators from the start weights, but "
                          "`weights` is not set"),
            1u);
  // The reversed policy is beaten by the other one.
  EXPECT_THAT(console.printed, HasSubstr("Policies found (2 policies)"));
  EXPECT_THAT(console.printed, Not(HasSubstr("Pareto front")));
  console.printed.clear();
  run("front",
      {R"(pipeline=["nas"])",
       R"(nas.search_algorithm.constraints=[{"name": "a", "bitops": {"wb": 3, "ab": 3}}, {"name": "b", "bitops": {"wb": 2, "ab": 3}}])"},
      console);
  EXPECT_THAT(console.printed, HasSubstr("Pareto front (2 policies)"));
}

TEST_F(LoadsTest, WeightsOfAnotherNetworkEndEveryRunBeforeItStarts) {
  Listener console;
  const std::string weights =
      run("a", {}, console) + "/output/quantized/models/1/weights.safetensors";
  for (const std::string step : {"judge", "again", "nas"}) {
    const std::vector<std::string> changes = {
        "pipeline=[\"" + step + "\"]", step + ".weights=" + weights, step + ".network.width=8"};
    EXPECT_THROW(run("other", changes, console), DataError) << step;
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/tasks/other")) << step;
  }
}

}  // namespace
}  // namespace deneb
