#include <gtest/gtest.h>

#include <deneb/io/files.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "digits_model.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A folder with a pipeline file and a task "first" that ran in it: an evaluation, no training.
class Task : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<Folder>();
    eights_weights(*folder_);
    folder_->file("p.json", digits_pipeline("eights.safetensors"));
    first_ = deneb({"run", "p.json", "--task-id", "first"});
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void SetUp() override { ASSERT_EQ(first_.exit_code, 0) << first_.err; }

  static Outcome deneb(const std::vector<std::string>& arguments) {
    Call call;
    call.arguments = arguments;
    call.directory = folder_->path();
    return run(call);
  }

  static std::string task(const std::string& name) { return folder_->path() + "/tasks/" + name; }
  static std::string log(const std::string& name) {
    return ::deneb::read_file(task(name) + "/run.log");
  }
  /// A copy of the first task, to spoil.
  static std::string copy(const std::string& name) {
    fs::copy(task("first"), task(name), fs::copy_options::recursive);
    return name;
  }

  static std::unique_ptr<Folder> folder_;
  static Outcome first_;
};
std::unique_ptr<Folder> Task::folder_;
Outcome Task::first_;

TEST_F(Task, PrintsItsFolderFirstAndLastAndKeepsALog) {
  const std::string line = "task folder: " + task("first") + "\n";
  ASSERT_GT(first_.out.size(), 2 * line.size());
  EXPECT_EQ(first_.out.substr(0, line.size()), line);
  EXPECT_EQ(first_.out.substr(first_.out.size() - line.size()), line);
  // Everything that was logged or printed is in run.log, with a date before each line's time.
  EXPECT_TRUE(holds(first_.out, "seed 0")) << first_.out;
  EXPECT_TRUE(holds(log("first"), "seed 0")) << log("first");
  EXPECT_TRUE(holds(first_.out, "0.095774")) << first_.out;  // 34 of 355, in the table of models
  EXPECT_TRUE(holds(log("first"), "0.095774")) << log("first");
  EXPECT_FALSE(holds(first_.out, "\x1b")) << "no colors but on a terminal";
  const std::string config = ::deneb::read_file(task("first") + "/config.resolved.json");
  EXPECT_TRUE(holds(config, "\"weights\": \"" + folder_->path() + "/eights.safetensors\""))
      << config;
}

TEST_F(Task, RunsOnce) {
  const Outcome again = deneb({"run", "p.json", "--task-id", "first"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_TRUE(holds(again.err, "deneb resume")) << again.err;
}

TEST_F(Task, ResumeSkipsWhatIsFinishedAndFromRunsItAgain) {
  for (const std::string& name : {std::string("first"), task("first")}) {
    const Outcome outcome = deneb({"resume", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(holds(outcome.out, "judge finished before")) << outcome.out;
  }
  for (const std::vector<std::string>& again :
       {std::vector<std::string>{"resume", copy("again"), "--from", "judge"},
        std::vector<std::string>{"run", "p.json", "--task-id", "again", "--from", "judge"}}) {
    const Outcome outcome = deneb(again);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_FALSE(holds(outcome.out, "finished before")) << outcome.out;
    EXPECT_TRUE(holds(outcome.out, "0.095774")) << outcome.out;
  }
  const Outcome wrong = deneb({"resume", "first", "--from", "judges"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_TRUE(holds(wrong.err, "did you mean 'judge'?")) << wrong.err;
}

TEST_F(Task, QuietPrintsTheFolderOnly) {
  const Outcome outcome = deneb({"run", "p.json", "--task-id", "quiet", "--quiet"});
  const std::string line = "task folder: " + task("quiet") + "\n";
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, line + line);
  EXPECT_TRUE(holds(log("quiet"), "0.095774"));
}

TEST_F(Task, ATaskServesAsAPipeline) {
  const Outcome evaluated =
      deneb({"evaluate", "first", "--weights", "eights.safetensors", "--json"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(json::parse(evaluated.out).at("samples"), kTestDigits);
  const Outcome inspected = deneb({"inspect", "first", "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_EQ(json::parse(inspected.out).at("macs"), 640);
  EXPECT_EQ(deneb({"inspect", "first", "--set", "general.seed=1"}).exit_code, 2);
}

TEST_F(Task, ReportIsWrittenAgain) {
  const Outcome outcome = deneb({"report", "first"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(count_lines(outcome.out), 1u) << outcome.out;
  const std::string path = outcome.out.substr(0, outcome.out.size() - 1);
  ASSERT_TRUE(fs::exists(path)) << path;
  fs::remove(path);
  EXPECT_EQ(deneb({"report", "first", "--type", "html"}).out, outcome.out);
  EXPECT_TRUE(fs::exists(path));

  const Outcome unknown = deneb({"report", "first", "--type", "htm"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_TRUE(holds(unknown.err, "html")) << unknown.err;
  fs::remove(task(copy("empty")) + "/task.sqlite");
  EXPECT_EQ(deneb({"report", "empty"}).exit_code, 4);
}

TEST_F(Task, RemembersPluginsOfTheCommandLine) {
  const auto has_plugin = [&] {
    const std::string file = task("extra") + "/plugins.json";
    return holds(::deneb::read_file(file), DENEB_EXTRA_PLUGIN);
  };
  ASSERT_EQ(
      deneb({"run", "p.json", "--task-id", "extra", "--plugin", DENEB_EXTRA_PLUGIN}).exit_code, 0);
  EXPECT_TRUE(has_plugin());
  ASSERT_EQ(deneb({"resume", "extra"}).exit_code, 0);
  EXPECT_TRUE(has_plugin());
}

TEST_F(Task, UnknownTasks) {
  const Outcome near = deneb({"resume", "frist"});
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_TRUE(holds(near.err, "did you mean 'first'?")) << near.err;
  const Outcome far = deneb({"report", "20260101-000000-000"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_TRUE(holds(far.err, "the latest one below ./tasks is '")) << far.err;
}

TEST_F(Task, FromNeedsATask) {
  const Outcome outcome = deneb({"run", "p.json", "--task-id", "none", "--from", "judge"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(holds(outcome.err, "--task-id")) << outcome.err;
  EXPECT_FALSE(fs::exists(task("none")));
}

TEST_F(Task, AFailureNamesTheCommandThatGoesOn) {
  // What is not there is told before there is a task; what is damaged, when the step reads it.
  const auto with_data = [&](const std::string& path) {
    return deneb({"run", "p.json", "--task-id", "broken", "--set",
                  "judge.pipe_step.type=TrainPipeStep", "--set", "judge.weights=\"\"", "--set",
                  "judge.network.input_shape=[1,28,28]", "--set", "judge.dataset.type=Mnist",
                  "--set", "judge.dataset.data_path=" + path});
  };
  const Outcome missing = with_data("/absent");
  EXPECT_EQ(missing.exit_code, 4) << missing.err;
  EXPECT_TRUE(holds(missing.err, "fetch_data.sh mnist")) << missing.err;
  EXPECT_FALSE(holds(missing.err, "deneb resume")) << missing.err;
  EXPECT_FALSE(fs::exists(task("broken")));
  for (const std::string name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                 "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    folder_->file("damaged/" + name, "x");
  }
  const Outcome outcome = with_data(folder_->path() + "/damaged");
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "-ubyte")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "deneb resume " + task("broken"))) << outcome.err;
  EXPECT_TRUE(holds(log("broken"), "error   run"));
}

TEST_F(Task, AnUnwritableFolderIsARunError) {
  const Outcome outcome =
      deneb({"run", "p.json", "--set", "general.task.local_base_path=/proc/deneb"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(holds(outcome.err, "/proc/deneb")) << outcome.err;
  EXPECT_FALSE(holds(outcome.err, "deneb resume")) << outcome.err;
}

TEST(TrialWorker, EndsWithItsInput) {
  const Folder folder;
  folder.file("task/config.resolved.json", search_pipeline());
  // Descriptor 0 is /dev/null.
  const Outcome outcome = run({"trial-worker", folder.path() + "/task", "nas"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(run({"trial-worker", folder.path() + "/task", "train"}).exit_code, 2);
}

}  // namespace
}  // namespace cli_test
