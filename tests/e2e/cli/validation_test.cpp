#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <filesystem>
#include <map>

#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/policy_file.h>

#include "in_process.h"

namespace deneb {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A float network, a search over its weights, the training of what it finds, and its evaluation.
const char kPipeline[] = R"({
  "general": {"task": {"task_id": "t"}},
  "pipeline": ["float", "nas", "train", "judge"],
  "float": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "MiniResNet", "width": 4},
    "dataset": {"type": "Digits"}
  },
  "nas": {
    "pipe_step": {"type": "SearchPipeStep"},
    "network": {"ref": "float.network"}, "dataset": {"ref": "float.dataset"},
    "weights": "float:weights",
    "search_algorithm": {"type": "RandomSearch", "samples": 4},
    "search_space": {"bit_candidates": [2, 4, 6], "first_layer": "int8", "last_layer": "int8"}
  },
  "train": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"ref": "float.network"}, "dataset": {"ref": "float.dataset"},
    "weights": "float:weights"
  },
  "judge": {
    "pipe_step": {"type": "EvaluatePipeStep"},
    "network": {"ref": "float.network"}, "dataset": {"ref": "float.dataset"}
  }
})";

class ValidationTest : public InProcessTest {
 protected:
  using Changes = std::vector<std::string>;

  ValidationTest() { write_pipeline(kPipeline); }

  // What `validate` ends with: "accepted", or the error with its kind; `here`: what `run` ends
  // with.
  std::string verdict(const Changes& changes, bool here = false) {
    try {
      check_runnable(load(changes), here);
    } catch (const ConfigError& e) {
      return std::string("config: ") + e.what();
    } catch (const DataError& e) {
      return std::string("data: ") + e.what();
    }
    return "accepted";
  }
  std::vector<std::string> warnings(const Changes& changes) {
    std::vector<std::string> texts;
    for (const Finding& finding : load(changes).findings) {
      if (finding.kind == Finding::Kind::kWarning) {
        texts.push_back(finding.step + ": " + finding.text);
      }
    }
    return texts;
  }
  // Weights of a MiniResNet on disk, with metadata as a training step leaves them.
  std::string weights(int width, const std::string& policy = "[]") const {
    const auto network = registry_.make<Network>({"MiniResNet", {{"width", width}}});
    TensorFile file;
    file.tensors = state_of(*network);
    file.metadata = {{"deneb.policy", policy}};
    const std::string path = folder_.path() + "/width" + std::to_string(width) + ".safetensors";
    write_safetensors(path, file);
    return path;
  }
};

TEST_F(ValidationTest, TheWholeChainIsAccepted) {
  EXPECT_EQ(verdict({}, /*here=*/true), "accepted");
  EXPECT_THAT(warnings({}), IsEmpty());
}

// Each of these passed, and failed later.
TEST_F(ValidationTest, WhatMustFailLaterIsRefused) {
  const std::string here = folder_.path();
  const std::string limpq = R"(nas.search_algorithm={"type": "LIMPQ", "constraints": )";
  const std::string fliqs =
      R"(nas.search_algorithm={"type": "FLIQS", "target": {"cost": "bitops", "weight_bits": 4, "activation_bits": 4}, )";
  const std::string recon = R"("type": "BlockReconstruction", "iterations": 1)";
  const std::vector<std::pair<Changes, std::string>> cases = {
      // Portions.
      {{"nas.data_loader.train_portion=0"}, "nas.data_loader.train_portion: is 0"},
      {{"nas.data_loader.train_portion=0.0001"}, "of 1442 samples leaves nothing to train on"},
      {{"train.data_loader.train_portion=0.9999"}, "of 1442 samples leaves nothing to validate"},
      {{R"(train.dataset={"type": "Synthetic", "train_samples": 4, "channels": 1, "size": 8})",
        "train.data_loader.train_portion=0.1"},
       "of 4 samples leaves nothing to train on"},
      {{"nas.data_loader.train_portion=1"}, "no validation samples"},
      {{R"(train.uniform=[{"weight": "e9m9"}])"}, "uniform.weight: small float format: got e9m9"},
      // Optimizers.
      {{R"(train.trainer.optimizer={"type": "Adam", "betas": [1, 0.9]})"},
       "train.trainer.optimizer.betas: has a 1"},
      {{R"(train.trainer.optimizer={"type": "AdamW", "betas": [0.9, 1]})"},
       "train.trainer.optimizer.betas: has a 1"},
      {{R"(train.trainer.optimizer.groups=[{"match": "fd.*", "lr": 1}])"},
       "groups[0].match: 'fd.*' matches none of the network's"},
      // Matched by the float network's policy never, by the quantized ones only.
      {{R"(float.trainer.optimizer.groups=[{"match": "*_quantizer.scale", "lr": 1}])"},
       "groups[0].match: '*_quantizer.scale' matches none"},
      // Formats of an earlier step, or of files, that the quantizers here cannot do.
      {{R"(train.quantizer={"weight": {"type": "XNOR"}})"},
       "can do int1 and float32; needed for: policies of step nas"},
      {{R"(train.quantizer={"activation": {"type": "XNOR"}})"}, "policies of step nas"},
      {{"nas.search_space.bit_candidates=[1, 2]"}, "quantizer.weight: layer"},
      {{R"(judge.quantizer={"weight": {"type": "XNOR"}})"}, "policies of step train"},
      {{R"(nas.search_space={"weight_candidates": ["e2m1", "int4"], "first_layer": "int8", "last_layer": "int8"})",
        R"(train.quantizer={"float_weight": {"type": "LSQ"}})"},
       "quantizer.float_weight: "},
      // Networks that do not fit each other.
      {{R"(train.network={"type": "MiniResNet", "width": 8})", "train.weights="}, "accepted"},
      {{R"(train.network={"type": "MiniResNet", "width": 8})"},
       "weights: those of step float: does not fit the network"},
      {{R"(train.network={"type": "MLP", "input_shape": [1, 8, 8]})", "train.weights="},
       "policies of step nas: "},
      {{"train.weights=" + here + "/tasks/t/output/float/models/1/weights.safetensors",
        R"(train.network={"type": "MiniResNet", "width": 8})"},
       "weights: those of step float: does not fit the network"},
      {{R"(nas.network={"type": "MiniResNet", "width": 8})"}, "weights: those of step float: "},
      // Names of costs.
      {{R"(nas.cost_models=[{"name": "a", "model": {"type": "size"}}, {"name": "a", "model": {"type": "bitops"}}])"},
       "cost_models: two of them"},
      {{R"(nas.cost_models=[{"name": "accuracy", "model": {"type": "size"}}])"},
       "cost_models: two of them"},
      {{R"(nas.cost_models=[{"name": "a", "model": {"type": "layer_scores", "scores": "absent.json"}}])"},
       "absent.json does not exist"},
      {{"general.task.task_id=a/b"}, "cannot be the name of the task's folder"},
      {{"general.task.task_id=.."}, "cannot be the name of the task's folder"},
      // Searches.
      {{"nas.search_algorithm.fill=0.9"}, "has no limits to fill"},
      {{limpq + R"([{"name": "w3a3 small", "bitops": {"wb": 4, "ab": 4}}]})"},
       "cannot be the name of a file"},
      {{limpq + R"([{"name": "a/b", "bitops": {"wb": 4, "ab": 4}}]})"}, "cannot be the name"},
      {{limpq +
        R"([{"name": "x", "bitops": {"wb": 4, "ab": 4}}], "training": {"trainer": {"fold_batch_norms": true}}})"},
       "search_algorithm.training.trainer.fold_batch_norms: comes too late"},
      {{limpq +
        R"([{"name": "x", "bitops": {"wb": 4, "ab": 4}}], "training": {"trainer": {"keep": "best", "valid_interval": 1}}})"},
       "keep: \"best\" needs validations"},
      {{limpq + R"([{"name": "x", "latency": {"table": "absent.json", "budget_ms": 3}}]})"},
       "absent.json does not exist"},
      {{fliqs + R"("trainer": {"distillation": {"weight": 0.5}}})", "nas.weights="},
       "search_algorithm.trainer.distillation: the teacher"},
      {{fliqs + R"("trainer": {"distillation": {"weight": 0.5}}})"}, "accepted"},
      {{R"(nas.search_algorithm={"type": "EdMIPS", "trainer": {"distillation": {"weight": 0.5}}})",
        "nas.weights="},
       "search_algorithm.trainer.distillation: the teacher"},
      // Trainers and methods.
      {{"train.trainer={" + recon + "}"}, "no weight quantizer learns how to round"},
      {{"train.trainer={" + recon + "}",
        R"(train.quantizer={"weight": {"type": "AdaRound"}, "activation": {"type": "Uniform"}})"},
       "trainer.activation.iterations: the quantizers of activations have nothing to learn"},
      {{"train.trainer={" + recon + "}", R"(train.quantizer={"weight": {"type": "AdaRound"}})"},
       "accepted"},
      {{"nas.trainer={" + recon + "}"}, "no weight quantizer learns how to round"},
      {{R"(train.quantizer={"activation": {"type": "AdaRound"}})"}, "needed for: policies of step"},
      // Evaluation of nothing.
      {{"pipeline=[\"judge\"]"}, "has no weights to evaluate"},
      {{R"(judge.uniform=[{"weight_bits": 4, "activation_bits": 4}])"},
       "has no weights to evaluate for: uniform w4a4"},
      {{R"(judge.pipe_step={"type": "EvaluatePipeStep", "load_weights": false})"},
       "has no weights to evaluate for: policies of step train"},
      {{"judge.pipe_step={\"type\": \"EvaluatePipeStep\", \"models_folder\": \"" + here + "\"}"},
       "no policy and no model lies in"},
      {{"judge.weights=float:weights"}, "accepted"},
  };
  for (const auto& [changes, text] : cases) {
    EXPECT_THAT(verdict(changes), HasSubstr(text)) << ::testing::PrintToString(changes);
  }
}

TEST_F(ValidationTest, PoliciesOnDiskAreCheckedToo) {
  PolicyFile policy;
  policy.policy.set("conv1", {Format::parse("int2"), Format::parse("int2")});
  std::filesystem::create_directories(folder_.path() + "/found/policies");
  write_policy_file(folder_.path() + "/found/policies/a.json", policy);
  const std::string found = R"(train.pipe_step={"type": "TrainPipeStep", "models_folder": ")" +
                            folder_.path() + "/found\"}";
  EXPECT_EQ(verdict({found}), "accepted");
  EXPECT_THAT(verdict({found, R"(train.quantizer={"weight": {"type": "XNOR"}})"}),
              HasSubstr("needed for: found/a"));
  EXPECT_THAT(verdict({found, "train.network={\"type\": \"MLP\", \"input_shape\": [1, 8, 8]}"}),
              HasSubstr("conv1"));
}

TEST_F(ValidationTest, WeightsOfAnotherNetworkAreADataErrorInEveryStep) {
  load({});  // the plugins
  const std::string wide = weights(8), own = weights(4);
  for (const std::string step : {"float", "nas", "train", "judge"}) {
    EXPECT_EQ(verdict({step + ".weights=" + own}), "accepted") << step;
    EXPECT_THAT(verdict({step + ".weights=" + wide}), HasSubstr("data: " + step)) << step;
    EXPECT_THAT(verdict({step + ".weights=" + wide}), HasSubstr("of another shape")) << step;
  }
}

TEST_F(ValidationTest, DataThatAreNotThere) {
  const std::string color =
      R"(.network={"type": "MiniResNet", "in_channels": 3, "image_size": 32})";
  const auto cifar = [&](const std::string& path) {
    return Changes{"pipeline=[\"float\"]", "float" + color,
                   R"(float.dataset={"type": "Cifar10", "data_path": ")" + path + "\"}"};
  };
  // Named: an error wherever that is asked. An empty folder is no better than none.
  for (const std::string& path : {folder_.path() + "/absent", folder_.path()}) {
    EXPECT_THAT(verdict(cifar(path)), HasSubstr("data: float: " + path)) << path;
  }
  // By default: the file may be meant for another machine.
  const std::string before = std::getenv("DENEB_DATA") ? std::getenv("DENEB_DATA") : "";
  ::setenv("DENEB_DATA", folder_.path().c_str(), 1);
  EXPECT_EQ(verdict(cifar("")), "accepted");
  EXPECT_THAT(verdict(cifar(""), /*here=*/true), HasSubstr("fetch_data.sh cifar10"));
  // What is not opened any more is not missed.
  const Pipeline pipeline = load(cifar(""));
  check_runnable(pipeline, /*here=*/true, {"float"});
  for (const std::string type :
       {R"("Cifar100")", R"("Mnist")", R"("ImageFolder", "image_size": 32, "num_classes": 10)"}) {
    const std::string data =
        R"(float.dataset={"type": )" + type + ", \"data_path\": \"" + folder_.path() + "/absent\"}";
    const std::string network =
        type == R"("Mnist")" ? R"(.network={"type": "MLP", "input_shape": [1, 28, 28]})"
        : type == R"("Cifar100")"
            ? R"(.network={"type": "MiniResNet", "in_channels": 3, "image_size": 32, "num_classes": 100})"
            : color;
    EXPECT_THAT(verdict({"pipeline=[\"float\"]", "float" + network, data}),
                HasSubstr("data: float: " + folder_.path() + "/absent"))
        << type;
  }
  before.empty() ? ::unsetenv("DENEB_DATA") : ::setenv("DENEB_DATA", before.c_str(), 1);
}

TEST_F(ValidationTest, SearchesThatNeedTrainedWeightsWarnWithout) {
  const std::map<std::string, std::string> searches = {
      {R"("LIMPQ", "constraints": [{"name": "x", "bitops": {"wb": 4, "ab": 4}}])",
       "LIMPQ learns the indicators"},
      {R"("Sensitivity")", "Sensitivity measures"},
      {R"("ProxyScores")", "ProxyScores reads"},
      {R"("EdMIPS", "steps": "lsq")", "EdMIPS sets its steps"},
      {R"("FLIQS", "target": {"cost": "bitops", "weight_bits": 4, "activation_bits": 4})",
       "FLIQS judges formats"}};
  for (const auto& [options, text] : searches) {
    const Changes changes = {"pipeline=[\"float\", \"nas\"]",
                             "nas.search_algorithm={\"type\": " + options + "}"};
    EXPECT_THAT(warnings(changes), IsEmpty()) << options;
    Changes without = changes;
    without.push_back("nas.weights=");
    EXPECT_THAT(warnings(without), Contains(HasSubstr("nas: " + text))) << options;
    EXPECT_EQ(verdict(without), "accepted") << options;
  }
  // Those that train from the start.
  for (const std::string options : {R"("EdMIPS")", R"("RandomSearch", "samples": 4)"}) {
    EXPECT_THAT(warnings({"nas.weights=", "nas.search_algorithm={\"type\": " + options + "}"}),
                IsEmpty())
        << options;
  }
}

TEST_F(ValidationTest, RandomWeightsThatNobodyTrainsAreWarnedOf) {
  EXPECT_THAT(warnings({"nas.weights=", "nas.trainer.epochs=0"}),
              Contains(HasSubstr("nas: trials are not trained")));
  EXPECT_THAT(warnings({"nas.trainer.epochs=0"}), IsEmpty());
  EXPECT_THAT(warnings({"train.weights=", "train.trainer.epochs=0"}),
              Contains(HasSubstr("train: nothing is trained")));
  EXPECT_THAT(warnings({"float.trainer.epochs=0"}),
              Contains(HasSubstr("no weights are there for: float32")));
}

}  // namespace
}  // namespace deneb
