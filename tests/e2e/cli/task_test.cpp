#include <gtest/gtest.h>

#include <deneb/io/files.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "digits_model.h"

namespace cli_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A folder with a pipeline file and a task "first" that ran in it: an evaluation, no training.
class Task : public testing::Test {
 protected:
  void SetUp() override {
    eights_weights(folder_);
    folder_.file("p.json", digits_pipeline("eights.safetensors"));
    first_ = deneb({"run", "p.json", "--task-id", "first"});
    ASSERT_EQ(first_.exit_code, 0) << first_.err;
  }

  Outcome deneb(const std::vector<std::string>& arguments) const {
    Call call;
    call.arguments = arguments;
    call.directory = folder_.path();
    return run(call);
  }

  std::string task() const { return folder_.path() + "/tasks/first"; }
  std::string log() const { return ::deneb::read_file(task() + "/run.log"); }

  const Folder folder_;
  Outcome first_;
};

TEST_F(Task, PrintsItsFolderFirstAndLastAndKeepsALog) {
  const std::string line = "task folder: " + task() + "\n";
  ASSERT_GT(first_.out.size(), 2 * line.size());
  EXPECT_EQ(first_.out.substr(0, line.size()), line);
  EXPECT_EQ(first_.out.substr(first_.out.size() - line.size()), line);
  // Everything that was logged or printed is in run.log, with a date before each line's time.
  EXPECT_TRUE(holds(first_.out, "seed 0")) << first_.out;
  EXPECT_TRUE(holds(log(), "seed 0")) << log();
  EXPECT_TRUE(holds(first_.out, "0.095774")) << first_.out;  // 34 of 355, in the table of models
  EXPECT_TRUE(holds(log(), "0.095774")) << log();
  EXPECT_FALSE(holds(first_.out, "\x1b")) << "no colors but on a terminal";
  EXPECT_TRUE(fs::exists(task() + "/config.resolved.json"));
}

TEST_F(Task, RunsOnce) {
  const Outcome again = deneb({"run", "p.json", "--task-id", "first"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_TRUE(holds(again.err, "deneb resume")) << again.err;
}

TEST_F(Task, ResumeSkipsWhatIsFinishedAndFromRunsItAgain) {
  for (const std::string& name : {std::string("first"), std::string("tasks/first"), task()}) {
    const Outcome outcome = deneb({"resume", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(holds(outcome.out, "judge finished before")) << outcome.out;
  }
  for (const std::vector<std::string>& again :
       {std::vector<std::string>{"resume", "first", "--from", "judge"},
        std::vector<std::string>{"run", "p.json", "--task-id", "first", "--from", "judge"}}) {
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
  const Outcome outcome = deneb({"run", "p.json", "--task-id", "second", "--quiet"});
  const std::string line = "task folder: " + folder_.path() + "/tasks/second\n";
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, line + line);
  EXPECT_TRUE(holds(::deneb::read_file(folder_.path() + "/tasks/second/run.log"), "0.095774"));
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
  fs::remove(task() + "/task.sqlite");
  EXPECT_EQ(deneb({"report", "first"}).exit_code, 4);
}

TEST_F(Task, RemembersPluginsOfTheCommandLine) {
  const auto has_plugin = [&] {
    const std::string file = folder_.path() + "/tasks/second/plugins.json";
    return holds(::deneb::read_file(file), DENEB_EXTRA_PLUGIN);
  };
  ASSERT_EQ(
      deneb({"run", "p.json", "--task-id", "second", "--plugin", DENEB_EXTRA_PLUGIN}).exit_code, 0);
  EXPECT_TRUE(has_plugin());
  ASSERT_EQ(deneb({"resume", "second"}).exit_code, 0);
  EXPECT_TRUE(has_plugin());
}

TEST_F(Task, UnknownTasks) {
  const Outcome near = deneb({"resume", "frist"});
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_TRUE(holds(near.err, "did you mean 'first'?")) << near.err;
  const Outcome far = deneb({"report", "20260101-000000-000"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_TRUE(holds(far.err, "the latest one below ./tasks is 'first'")) << far.err;
}

TEST_F(Task, FromNeedsATask) {
  const Outcome outcome = deneb({"run", "p.json", "--task-id", "none", "--from", "judge"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(holds(outcome.err, "--task-id")) << outcome.err;
  EXPECT_FALSE(fs::exists(folder_.path() + "/tasks/none"));
}

TEST_F(Task, AFailureNamesTheCommandThatGoesOn) {
  // The file is there when the pipeline is checked and cannot be read when it runs.
  folder_.file("broken.safetensors", "no tensors");
  const Outcome outcome =
      deneb({"run", "p.json", "--task-id", "broken", "--set", "judge.weights=broken.safetensors"});
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "broken.safetensors")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "deneb resume " + folder_.path() + "/tasks/broken"))
      << outcome.err;
  EXPECT_TRUE(holds(::deneb::read_file(folder_.path() + "/tasks/broken/run.log"), "error   run"));
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
  const std::string file = folder.file("task/config.resolved.json", search_pipeline());
  // Descriptor 0 is /dev/null.
  const Outcome outcome = run({"trial-worker", folder.path() + "/task", "nas"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(run({"trial-worker", folder.path() + "/task", "train"}).exit_code, 2);
}

}  // namespace
}  // namespace cli_test
