#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include <deneb/report/comparison_report.h>

namespace deneb {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::IsEmpty;

class Disagreements : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/deneb_comparison_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  /// A search and a training of the same network.
  static ordered_json config() {
    const ordered_json network = {{"type", "ResNetCifar"}, {"depth", 20}};
    const ordered_json dataset = {{"type", "Cifar10"}, {"data_path", "/data/cifar10"}};
    const ordered_json loader = {{"train_portion", 0.9}, {"split_seed", 0}, {"train_limit", 0}};
    return {{"general", {{"seed", 1}}},
            {"nas",
             {{"search_algorithm", {{"type", "RandomSearch"}}},
              {"network", network},
              {"dataset", dataset},
              {"data_loader", loader}}},
            {"train", {{"network", network}, {"dataset", dataset}, {"data_loader", loader}}}};
  }

  ComparedTask task(const std::string& name, const ordered_json& config, int weights = 10,
                    double float_bitops = 4096) {
    ComparedTask task{name, root_ + "/" + name, nullptr, config};
    const std::string path = root_ + "/" + name + ".sqlite";
    const ordered_json network = {
        {"layers", {{{"name", "conv1"}, {"macs", 4}, {"weights", weights}}}}};
    TrialStore store(path);
    store.begin_step("nas", "SearchPipeStep");
    store.set_step_info("nas", {{"network", network}});
    store.begin_step("train", "TrainPipeStep");
    store.set_step_info("train", {{"network", network},
                                  {"objectives",
                                   {{{"name", "accuracy"}, {"direction", "max"}},
                                    {{"name", "bitops"}, {"direction", "min"}}}},
                                  {"reference_costs", {{"float32", {{"bitops", float_bitops}}}}}});
    task.store = std::make_shared<TrialStore>(path, TrialStore::Mode::kReadOnly);
    return task;
  }

  std::string root_;
};

TEST_F(Disagreements, SeedsSearchesAndPlacesOfFilesAreFree) {
  ordered_json other = config();
  other["general"]["seed"] = 2;
  other["nas"]["search_algorithm"]["type"] = "Sensitivity";
  other["nas"]["dataset"]["data_path"] = "/elsewhere/cifar10";
  other["nas"]["data_loader"]["train_limit"] = 12800;
  other["train"]["network"].erase("depth");  // of a version that did not have the option
  const std::vector<ComparedTask> tasks = {task("a", config()), task("b", other)};
  EXPECT_THAT(disagreements(tasks, "bitops"), IsEmpty());
  EXPECT_EQ(table_cost(tasks), "bitops");
}

TEST_F(Disagreements, EachIsNamedWithItsTasks) {
  ordered_json deep = config(), split = config();
  for (const char* step : {"nas", "train"}) deep[step]["network"]["depth"] = 32;
  split["train"]["data_loader"]["train_portion"] = 1.0;
  const std::vector<ComparedTask> tasks = {task("a", config()), task("b", deep, 12),
                                           task("c", split, 10, 5000), task("d", config())};
  EXPECT_THAT(disagreements(tasks, "bitops"),
              ElementsAre("network.depth: 20 in a, c, d; 32 in b",
                          "layers: 1 of 4 MACs and 10 weights in a, c, d; 1 of 4 MACs and 12 "
                          "weights in b",
                          "data_loader.train_portion of trainings: 0.9 in a, b, d; 1.0 in c",
                          "bitops of float32: 4096.0 in a, b, d; 5000.0 in c"));
  // Of another cost nothing is known.
  EXPECT_EQ(disagreements(tasks, "size").size(), 3u);
}

TEST_F(Disagreements, ManyTasksAreCounted) {
  ordered_json data = config();
  for (const char* step : {"nas", "train"}) data[step]["dataset"]["type"] = "Cifar100";
  std::vector<ComparedTask> tasks = {task("other", data)};
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) tasks.push_back(task(name, config()));
  EXPECT_THAT(disagreements(tasks, "bitops"),
              ElementsAre("dataset.type: Cifar100 in other; Cifar10 in a, b, c, d and 2 more"));
}

}  // namespace
}  // namespace deneb
