#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>

#include <deneb/interrupt.h>
#include <deneb/io/files.h>
#include <deneb/io/safetensors.h>
#include <deneb/random.h>

#include "scratch_folder.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using testing::HasSubstr;
using torch::Tensor;
using toy::kSteps;

constexpr int kEpochs = 4;

/// Thrown by hooks in the place of a crash.
struct Crash {};

/// Everything that has state: momentum, schedule, average, best weights, dropout, augmentation.
TrainerOptions everything(const std::string& optimizer) {
  TrainerOptions options;
  options.epochs = kEpochs;
  options.optimizer.type = optimizer;
  options.optimizer.lr = optimizer == "SGD" ? 0.1 : 0.01;
  options.optimizer.nesterov = optimizer == "SGD";
  options.lr_scheduler.type = "Cosine";
  options.lr_scheduler.warmup_epochs = 0.5;
  options.label_smoothing = 0.1;
  options.grad_clip_norm = 1;
  options.ema_decay = 0.9;
  options.keep = "best";
  options.batch_norm_recalibration = 3;
  options.checkpoint_seconds = 1000000;
  return options;
}

DataLoaderOptions augmented() {
  DataLoaderOptions options = toy::loader_options();
  options.augment = {1, true};
  return options;
}

struct Outcome {
  toy::State state;
  FitResult result;
};

class ResumeTest : public testing::Test {
 protected:
  /// A whole training, or the part of it up to the step at which the hook throws.
  Outcome train(const TrainerOptions& options, const std::string& checkpoint,
                const TrainHooks& hooks = {}, const toy::Accuracy& evaluator = {}) {
    const auto net = toy::make_net(0.3);
    // Another state of the default generator than at the start of the first run.
    torch::rand({7});
    FitRequest request;
    request.seed = 21;
    request.evaluator = &evaluator;
    request.checkpoint = checkpoint;
    request.hooks = hooks;
    Outcome outcome;
    outcome.result = Trainer(options).fit(*net, data_, request);
    outcome.state = toy::state_copy(*net);
    return outcome;
  }
  /// Crashes after step `step` (0-based, before its checkpoint).
  void crash(const TrainerOptions& options, std::int64_t step) {
    TrainHooks hooks;
    hooks.after_step = [step](const StepInfo& info) {
      if (info.step == step) throw Crash();
    };
    EXPECT_THROW(train(options, checkpoint_, hooks), Crash);
  }
  static void expect_same(const Outcome& resumed, const Outcome& whole) {
    EXPECT_EQ(toy::difference(resumed.state, whole.state), "");
    EXPECT_EQ(resumed.result.steps, whole.result.steps);
    ASSERT_EQ(resumed.result.epochs.size(), whole.result.epochs.size());
    for (std::size_t i = 0; i < whole.result.epochs.size(); ++i) {
      const EpochRecord &a = resumed.result.epochs[i], &b = whole.result.epochs[i];
      EXPECT_EQ(a.epoch, b.epoch);
      EXPECT_EQ(a.lr, b.lr);
      EXPECT_EQ(a.train_loss, b.train_loss);
      EXPECT_EQ(a.validation.to_json(), b.validation.to_json());
      EXPECT_EQ(a.validation.all().front().direction, b.validation.all().front().direction);
    }
  }

  const DataLoader data_ = toy::make_data(augmented());
  ScratchFolder folder_;
  const std::string checkpoint_ = folder_ / "checkpoint.safetensors";
};

TEST_F(ResumeTest, CheckpointsDoNotDisturbTheTraining) {
  const Outcome plain = train(everything("SGD"), "");
  TrainerOptions often = everything("SGD");
  often.checkpoint_seconds = 0;
  const Outcome written = train(often, checkpoint_);
  expect_same(written, plain);
  EXPECT_FALSE(written.result.resumed);
}

TEST_F(ResumeTest, WithinAnEpochBitByBit) {
  for (const char* optimizer : {"SGD", "Adam", "AdamW"}) {
    const Outcome whole = train(everything(optimizer), "");
    TrainerOptions often = everything(optimizer);
    often.checkpoint_seconds = 0;  // after every step
    for (const std::int64_t step : {1, 5, 7, 8, 9, 20, 31}) {
      SCOPED_TRACE(std::string(optimizer) + ", step " + std::to_string(step));
      std::filesystem::remove(checkpoint_);
      crash(often, step);
      std::int64_t first = -1;
      TrainHooks hooks;
      hooks.before_step = [&](StepInfo& info) {
        if (first < 0) first = info.step;
      };
      const Outcome resumed = train(everything(optimizer), checkpoint_, hooks);
      EXPECT_TRUE(resumed.result.resumed);
      EXPECT_EQ(first, step);
      expect_same(resumed, whole);
    }
  }
}

TEST_F(ResumeTest, FromTheEndOfAnEpoch) {
  const TrainerOptions options = everything("SGD");
  const Outcome whole = train(options, "");
  crash(options, 2 * kSteps + 5);
  std::int64_t first = -1;
  TrainHooks hooks;
  hooks.before_step = [&](StepInfo& info) {
    if (first < 0) first = info.step;
  };
  const Outcome resumed = train(options, checkpoint_, hooks);
  EXPECT_EQ(first, 2 * kSteps);
  expect_same(resumed, whole);
}

TEST_F(ResumeTest, CrashInTheFirstEpochStartsOver) {
  crash(everything("SGD"), 3);
  EXPECT_FALSE(std::filesystem::exists(checkpoint_));
  const Outcome resumed = train(everything("SGD"), checkpoint_);
  EXPECT_FALSE(resumed.result.resumed);
  expect_same(resumed, train(everything("SGD"), ""));
}

TEST_F(ResumeTest, ManyTimes) {
  TrainerOptions often = everything("Adam");
  often.checkpoint_seconds = 0;
  Outcome resumed;
  int crashes = 0;
  for (bool done = false; !done;) {
    int steps = 0;
    TrainHooks hooks;
    hooks.after_step = [&](const StepInfo&) {
      if (++steps == 4) throw Crash();
    };
    try {
      resumed = train(often, checkpoint_, hooks);
      done = true;
    } catch (const Crash&) {
      ASSERT_LT(++crashes, 100);
    }
  }
  EXPECT_GE(crashes, 10);
  expect_same(resumed, train(everything("Adam"), ""));
}

TEST_F(ResumeTest, CrashInValidation) {
  toy::Accuracy evaluator;
  int calls = 0;
  evaluator.on_evaluate = [&](Network&) {
    if (++calls == 2) throw Crash();
  };
  TrainerOptions often = everything("SGD");
  often.checkpoint_seconds = 0;
  EXPECT_THROW(train(often, checkpoint_, {}, evaluator), Crash);
  expect_same(train(often, checkpoint_), train(everything("SGD"), ""));
}

TEST_F(ResumeTest, MaxStepsWithinAnEpoch) {
  TrainerOptions options = everything("SGD");
  options.max_steps = 2 * kSteps + 3;
  const Outcome whole = train(options, "");
  TrainerOptions often = options;
  often.checkpoint_seconds = 0;
  crash(often, 2 * kSteps + 1);
  expect_same(train(options, checkpoint_), whole);
}

TEST_F(ResumeTest, FinishedTrainingIsNotRepeated) {
  const Outcome whole = train(everything("SGD"), checkpoint_);
  TrainHooks hooks;
  hooks.before_step = [](StepInfo&) { ADD_FAILURE() << "a step was trained again"; };
  const Outcome again = train(everything("SGD"), checkpoint_, hooks);
  EXPECT_TRUE(again.result.resumed);
  expect_same(again, whole);
}

TEST_F(ResumeTest, PassedDeadlineLeavesTheLastCheckpoint) {
  TrainerOptions options = everything("SGD");
  const Outcome whole = train(options, "");
  const auto net = toy::make_net(0.3);
  const toy::Accuracy evaluator;
  FitRequest request;
  request.seed = 21;
  request.evaluator = &evaluator;
  request.checkpoint = checkpoint_;
  request.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  request.hooks.after_step = [&](const StepInfo& info) {
    if (info.step == kSteps + 2) request.deadline = std::chrono::steady_clock::now();
  };
  EXPECT_THAT(text_of<RunError>([&] { Trainer(options).fit(*net, data_, request); }),
              HasSubstr("out of time at step 11 of 32"));
  expect_same(train(options, checkpoint_), whole);
}

// In a process of its own, since a stop cannot be taken back.
class StopTest : public ResumeTest {
 protected:
  /// Trains with SIGTERM after step `step`; ends the process with the exit code of the error.
  [[noreturn]] void stop_at(const std::string& checkpoint, std::int64_t step) {
    install_signal_handlers();
    TrainHooks hooks;
    hooks.after_step = [step](const StepInfo& info) {
      if (info.step == step) std::raise(SIGTERM);
      if (info.step > step) std::_Exit(99);
    };
    try {
      train(everything("SGD"), checkpoint, hooks);
    } catch (const Interrupted& e) {
      std::_Exit(e.exit_code());
    }
    std::_Exit(98);
  }
  void expect_resumable(std::int64_t step) {
    // The child runs this test from its beginning, with a scratch folder of its own.
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    ::setenv("DENEB_TEST_CHECKPOINT", checkpoint_.c_str(), /*overwrite=*/0);
    EXPECT_EXIT(stop_at(std::getenv("DENEB_TEST_CHECKPOINT"), step), testing::ExitedWithCode(143),
                "");
    ::unsetenv("DENEB_TEST_CHECKPOINT");
    std::int64_t first = -1;
    TrainHooks hooks;
    hooks.before_step = [&](StepInfo& info) {
      if (first < 0) first = info.step;
    };
    const Outcome resumed = train(everything("SGD"), checkpoint_, hooks);
    EXPECT_TRUE(resumed.result.resumed);
    if (step + 1 < kEpochs * kSteps) {
      EXPECT_EQ(first, step + 1);
    }
    expect_same(resumed, train(everything("SGD"), ""));
  }
};

TEST_F(StopTest, WithinAnEpoch) { expect_resumable(kSteps + 3); }
// The epoch's record and validation must not get lost.
TEST_F(StopTest, AtTheLastStepOfAnEpoch) { expect_resumable(2 * kSteps - 1); }
TEST_F(StopTest, AtTheLastStepOfAll) { expect_resumable(kEpochs * kSteps - 1); }

class OtherRunTest : public ResumeTest {
 protected:
  OtherRunTest() { train(everything("SGD"), checkpoint_); }

  std::string error(const std::function<void(TrainerOptions&)>& change) {
    TrainerOptions options = everything("SGD");
    change(options);
    return text_of<ConfigError>([&] { train(options, checkpoint_); });
  }
  std::string data_error(const std::function<void(DataLoaderOptions&)>& change) {
    DataLoaderOptions options = augmented();
    change(options);
    const auto net = toy::make_net(0.3);
    FitRequest request;
    request.seed = 21;
    request.checkpoint = checkpoint_;
    return text_of<ConfigError>(
        [&] { Trainer(everything("SGD")).fit(*net, toy::make_data(options), request); });
  }
};

TEST_F(OtherRunTest, OtherOptionsAreErrors) {
  const auto names_file = HasSubstr(checkpoint_ + ": was written with other options, seed or data");
  EXPECT_THAT(error([](TrainerOptions& o) { o.optimizer.lr = 0.2; }), names_file);
  EXPECT_THAT(error([](TrainerOptions& o) { o.epochs = 9; }), names_file);
  EXPECT_THAT(error([](TrainerOptions& o) { o.optimizer.type = "Adam"; }), names_file);
  EXPECT_THAT(error([](TrainerOptions& o) { o.ema_decay = 0; }), names_file);
  EXPECT_THAT(data_error([](DataLoaderOptions& o) { o.batch_size = 15; }), names_file);
  EXPECT_THAT(data_error([](DataLoaderOptions& o) { o.split_seed = 1; }), names_file);
  EXPECT_THAT(data_error([](DataLoaderOptions& o) { o.augment.random_crop = 2; }), names_file);
  EXPECT_THAT(data_error([](DataLoaderOptions& o) { o.train_limit = 119; }), names_file);
  const auto net = toy::make_net(0.3);
  FitRequest request;
  request.seed = 22;
  request.checkpoint = checkpoint_;
  EXPECT_THAT(text_of<ConfigError>([&] { Trainer(everything("SGD")).fit(*net, data_, request); }),
              names_file);
}

TEST_F(OtherRunTest, WhatDoesNotChangeTheResultMayDiffer) {
  EXPECT_EQ(error([](TrainerOptions& o) { o.checkpoint_seconds = 5; }), "");
  EXPECT_EQ(data_error([](DataLoaderOptions& o) { o.workers = 3; }), "");
}

TEST_F(OtherRunTest, NetworkOfAnotherStructure) {
  const auto larger = toy::make_net(0.3);
  larger->register_buffer("extra", torch::zeros({1}));
  const toy::State before = toy::state_copy(*larger);
  FitRequest request;
  request.seed = 21;
  request.checkpoint = checkpoint_;
  EXPECT_THAT(text_of<DataError>([&] { Trainer(everything("SGD")).fit(*larger, data_, request); }),
              HasSubstr("tensor 'extra' is missing; the state belongs to another network"));
  EXPECT_EQ(toy::difference(toy::state_copy(*larger), before), "");
}

class DamageTest : public OtherRunTest {
 protected:
  DamageTest() { file_ = read_safetensors(checkpoint_); }
  std::string error() {
    return text_of<DataError>([&] { train(everything("SGD"), checkpoint_); });
  }
  std::string error_with(const std::function<void(TensorFile&)>& change) {
    TensorFile file = file_;
    change(file);
    write_safetensors(checkpoint_, file);
    return error();
  }
  std::string error_with_progress(const std::function<void(nlohmann::ordered_json&)>& change) {
    return error_with([&](TensorFile& file) {
      auto json = nlohmann::ordered_json::parse(file.metadata.at("progress"));
      change(json);
      file.metadata["progress"] = json.dump();
    });
  }
  static Tensor& tensor(TensorFile& file, const std::string& name) {
    for (auto& entry : file.tensors) {
      if (entry.first == name) return entry.second;
    }
    throw std::out_of_range(name);
  }
  TensorFile file_;
};

TEST_F(DamageTest, CutFiles) {
  const std::string whole = read_file(checkpoint_);
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    write_file_atomically(checkpoint_, whole.substr(0, size));
    EXPECT_THAT(error(), HasSubstr(checkpoint_)) << size;
  }
}

TEST_F(DamageTest, Tensors) {
  EXPECT_THAT(error_with([](TensorFile& f) { tensor(f, "model.fc.bias") = torch::zeros({5}); }),
              HasSubstr("tensor 'fc.bias' has another shape"));
  EXPECT_THAT(error_with([](TensorFile& f) { f.tensors.erase(f.tensors.begin()); }),
              HasSubstr("is missing"));
  EXPECT_THAT(error_with([](TensorFile& f) { f.tensors[0].first = "model.conv9.weight"; }),
              HasSubstr("tensor 'conv9.weight' is not in the network"));
  EXPECT_THAT(error_with([](TensorFile& f) {
                tensor(f, "model.fc.bias") = torch::zeros({4}, torch::kInt32);
              }),
              HasSubstr("tensor 'fc.bias' has another shape or type"));
  const auto generator = HasSubstr("the state of the random generator is missing or damaged");
  EXPECT_THAT(error_with([](TensorFile& f) {
                tensor(f, "generator") = torch::zeros({100}, torch::kUInt8);
              }),
              generator);
  EXPECT_THAT(error_with([](TensorFile& f) { f.tensors.pop_back(); }), generator);
}

TEST_F(DamageTest, OptimizerState) {
  EXPECT_THAT(error_with([](TensorFile& f) {
                tensor(f, "optimizer.0.momentum_buffer") = torch::zeros({5});
              }),
              HasSubstr("optimizer state '0.momentum_buffer' has another shape"));
  EXPECT_THAT(error_with([](TensorFile& f) {
                f.tensors.emplace_back("optimizer.99.momentum_buffer", torch::zeros({5}));
              }),
              HasSubstr("optimizer state '99.momentum_buffer' belongs to no parameter"));
  std::filesystem::remove(checkpoint_);
  train(everything("Adam"), checkpoint_);
  for (const char* field : {"exp_avg", "exp_avg_sq", "step"}) {
    TensorFile file = read_safetensors(checkpoint_);
    const std::string name = std::string("optimizer.2.") + field;
    auto& tensors = file.tensors;
    tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                                 [&](const auto& entry) { return entry.first == name; }),
                  tensors.end());
    ASSERT_EQ(tensors.size() + 1, read_safetensors(checkpoint_).tensors.size());
    write_safetensors(folder_ / "cut", file);
    EXPECT_THAT(text_of<DataError>([&] { train(everything("Adam"), folder_ / "cut"); }),
                HasSubstr("optimizer state '2."))
        << field;
  }
}

TEST_F(DamageTest, Progress) {
  EXPECT_THAT(error_with([](TensorFile& f) { f.metadata.clear(); }),
              HasSubstr("no training checkpoint"));
  EXPECT_THAT(error_with([](TensorFile& f) { f.metadata["progress"] = "{"; }),
              HasSubstr("no training checkpoint"));
  const auto damaged = HasSubstr("its progress record is damaged");
  for (const char* key : {"identity", "step", "loss_sum", "samples", "epochs", "best_value"}) {
    EXPECT_THAT(error_with_progress([&](auto& json) { json.erase(key); }), damaged) << key;
  }
  EXPECT_THAT(error_with_progress([](auto& json) { json["step"] = "x"; }), damaged);
  EXPECT_THAT(error_with_progress([](auto& json) { json["step"] = -1; }), damaged);
  EXPECT_THAT(error_with_progress([](auto& json) { json["step"] = 33; }), damaged);
  EXPECT_THAT(error_with_progress([](auto& json) { json["epochs"] = {3}; }), damaged);
  EXPECT_THAT(error_with_progress([](auto& json) { json["epochs"][0].erase("metrics"); }), damaged);
  EXPECT_THAT(error_with_progress([](auto& json) { json["epochs"][0]["metrics"] = {{"a"}}; }),
              damaged);
  EXPECT_EQ(error_with_progress([](auto&) {}), "");
}

// JSON knows no NaN; a metric that was NaN must not spoil the checkpoint.
TEST_F(DamageTest, MetricsThatAreNotFinite) {
  const auto net = toy::make_net(0.3);
  const toy::Scripted evaluator({std::nan(""), 0.5, HUGE_VAL, 0.25}, Direction::kMinimize);
  FitRequest request;
  request.seed = 21;
  request.evaluator = &evaluator;
  request.checkpoint = folder_ / "other";
  const FitResult first = Trainer(everything("SGD")).fit(*net, data_, request);
  const FitResult again = Trainer(everything("SGD")).fit(*toy::make_net(0.3), data_, request);
  EXPECT_TRUE(again.resumed);
  EXPECT_TRUE(std::isnan(again.epochs[0].validation.find("score")->value));
  EXPECT_EQ(again.epochs[3].validation.find("score")->value, 0.25);
  EXPECT_EQ(first.epochs.size(), again.epochs.size());
}

// Whatever bytes come: a training that goes on, or an error of ours.
TEST_F(DamageTest, RandomBytes) {
  const std::string whole = read_file(checkpoint_);
  std::mt19937_64 rng(5);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) {
      bytes[uniform_index(rng, bytes.size())] = static_cast<char>(uniform_index(rng, 256));
    }
    write_file_atomically(checkpoint_, bytes);
    try {
      train(everything("SGD"), checkpoint_);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace deneb
