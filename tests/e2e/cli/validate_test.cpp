#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"

namespace cli_test {
namespace {

// Checks come on top of starting LibTorch, which takes more than a second on a busy machine.
double startup_seconds() {
  static const double seconds = own_process({"version"}).cpu_seconds;
  return seconds;
}

const char kFiveMistakes[] = R"({
  // every line below has one mistake
  "general": {"seeds": 1},
  "pipeline": ["train", "absent"],
  "train": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "ResNetCifar", "depth": 21},
    "dataset": {"type": "Cifar"},
    "trainer": {"epochs": -1}
  }
}
)";

/// The one line of `text` that begins with `prefix`.
std::string line_of(const std::string& text, const std::string& prefix) {
  const std::size_t begin = ("\n" + text).find("\n" + prefix);
  if (begin == std::string::npos) {
    ADD_FAILURE() << "no line begins with " << prefix << " in\n" << text;
    return "";
  }
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST(Validate, GoodFile) {
  const Folder folder;
  const std::string file = folder.file("good.json", train_pipeline());
  const Outcome outcome = run({"validate", file});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, file + ": ok (steps train)\n");
}

// What is found by building the step's parts stands at its option, too.
TEST(Validate, NamesThePlaceOfWhatIsWrongAsAWhole) {
  const Folder folder;
  const std::string file = folder.file("p.json", R"({
  "pipeline": ["nas", "train"],
  "nas": {
    "pipe_step": {"type": "SearchPipeStep"},
    "network": {"type": "MLP", "hidden": [16, 16]}, "dataset": {"type": "Digits"},
    "search_algorithm": {"type": "RandomSearch"},
    "search_space": {
      "bit_candidates": [4, 8],
      "groups": [{"layers": ["fc9"]}]
    }
  },
  "train": {
    "pipe_step": {"type": "TrainPipeStep"},
    "network": {"type": "MLP", "hidden": [16]}, "dataset": {"type": "Digits"},
    "uniform": [{"weight_bits": 4, "activation_bits": 4}]
  }
})");
  const Outcome outcome = run({"validate", file});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(
      holds(line_of(outcome.err, "deneb: error: " + file + ":9: nas.search_space.groups"), "fc9"))
      << outcome.err;
  EXPECT_TRUE(
      holds(line_of(outcome.err, "deneb: error: " + file + ":15: train.uniform: "), "\"search\""))
      << outcome.err;
}

TEST(Validate, FiveMistakesAtOnceQuicklyAndNothingIsLeft) {
  const Folder folder;
  const std::string file = folder.file("bad.json", kFiveMistakes);
  for (const char* command : {"validate", "run"}) {
    Call call;
    call.arguments = {command, "bad.json"};
    call.directory = folder.path();
    call.own_process = true;
    const Outcome outcome = run(call);
    EXPECT_EQ(outcome.exit_code, 2);
    const bool validates = call.arguments[0] == "validate";
    EXPECT_EQ(outcome.out, validates ? "bad.json: not ok (exit code 2)\n" : "");
    EXPECT_EQ(count_lines(outcome.err), 5u) << outcome.err;
    const std::string prefix = "deneb: error: bad.json:";
    EXPECT_TRUE(holds(line_of(outcome.err, prefix + "3: general.seeds: "), "'seed'"))
        << outcome.err;
    EXPECT_TRUE(holds(line_of(outcome.err, prefix + "4: pipeline"), "'absent'")) << outcome.err;
    EXPECT_TRUE(holds(line_of(outcome.err, prefix + "7: train.network.depth: "), "20 or 26"))
        << outcome.err;
    EXPECT_TRUE(holds(line_of(outcome.err, prefix + "8: train.dataset"), "Cifar10")) << outcome.err;
    EXPECT_TRUE(holds(line_of(outcome.err, prefix + "9: train.trainer.epochs: "), "-1"))
        << outcome.err;
    EXPECT_LT(outcome.cpu_seconds, startup_seconds() + 0.5);
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    EXPECT_EQ(entry.path().filename(), "bad.json");
  }
  EXPECT_EQ(files, 1u);
}

TEST(Validate, SeveralFilesAreAllChecked) {
  const Folder folder;
  const std::string good = folder.file("good.json", train_pipeline());
  const std::string cut = folder.file("cut.json", "{\"pipeline\": [\"train\"");
  const std::string bad = folder.file("bad.json", kFiveMistakes);
  const Outcome outcome = run({"validate", cut, bad, good});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, cut + ": not ok (exit code 2)\n" + bad + ": not ok (exit code 2)\n" +
                             good + ": ok (steps train)\n");
  EXPECT_TRUE(holds(outcome.err, cut + ":1:")) << outcome.err;
  EXPECT_EQ(count_lines(outcome.err), 6u) << outcome.err;
}

TEST(Validate, SetChangesAndIsChecked) {
  const Folder folder;
  const std::string file = folder.file("good.json", train_pipeline());
  EXPECT_EQ(run({"validate", file, "--set", "train.network.depth=32"}).exit_code, 0);
  const Outcome outcome = run({"validate", file, "--set", "train.trainer.epochs=many"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(holds(outcome.err, "--set train.trainer.epochs: ")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "many")) << outcome.err;
}

TEST(Validate, WeightsThatAreNotThereAreADataError) {
  const Folder folder;
  const std::string file =
      folder.file("good.json", train_pipeline("\"weights\": \"absent.safetensors\""));
  const Outcome outcome = run({"validate", file});
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  line_of(outcome.err, "deneb: error: " + file + ":7: train.weights: " + folder.path() +
                           "/absent.safetensors does not exist; ");
}

TEST(Validate, BlocksOfAnotherFileKeepTheirLinesAndPaths) {
  const Folder folder;
  folder.file("shared/protocol.json", R"({
  "train": {
    "pipe_step": {"type": "TrainPipeStep"}, "weights": "absent.safetensors",
    "network": {"type": "ResNetCifar", "depth": 21}, "dataset": {"type": "Cifar10"}
  }
})");
  folder.file("p.json", R"({
  "pipeline": ["train"],
  "train": {"ref": "shared/protocol.json#train", "trainer": {"epochs": -1}}
})");
  Call call;
  call.directory = folder.path();
  call.arguments = {"validate", "p.json"};
  Outcome outcome = run(call);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(count_lines(outcome.err), 2u) << outcome.err;
  line_of(outcome.err, "deneb: error: p.json:3: train.trainer.epochs: ");
  line_of(outcome.err, "deneb: error: shared/protocol.json:4: train.network.depth: ");
  // Weights lie beside the file that names them; those of the command line, beside the pipeline.
  call.arguments = {
      "validate", "p.json", "--set", "train.network.depth=20", "--set", "train.trainer.epochs=1"};
  outcome = run(call);
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  line_of(outcome.err, "deneb: error: shared/protocol.json:3: train.weights: " + folder.path() +
                           "/shared/absent.safetensors does not exist; ");
  call.arguments.insert(call.arguments.end(), {"--set", "train.weights=none.safetensors"});
  outcome = run(call);
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, folder.path() + "/none.safetensors")) << outcome.err;
}

TEST(Validate, MissingFileAndFolder) {
  const Folder folder;
  for (const std::string& path : {folder.path() + "/absent.json", folder.path()}) {
    const Outcome outcome = run({"validate", path});
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_TRUE(holds(outcome.err, path)) << outcome.err;
  }
}

TEST(Validate, ASkippedPluginIsWarnedOf) {
  const Folder folder;
  folder.file("plugins/bad.so", "x");
  const std::string file = folder.file("good.json", train_pipeline());
  const Outcome outcome = run({"validate", file, "--plugin", folder.path() + "/plugins"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(holds(outcome.err, "deneb: warning: skipped: ")) << outcome.err;
}

}  // namespace
}  // namespace cli_test
