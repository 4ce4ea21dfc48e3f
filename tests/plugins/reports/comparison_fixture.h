#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <deneb/io/artifact.h>
#include <deneb/report/comparison_report.h>
#include <deneb/search/layer_scores.h>

/// Tasks as pipelines would leave them, on a network of five layers, without training anything.
namespace deneb {

class ComparisonTest : public testing::Test {
 protected:
  static constexpr double kW2A3 = 600, kW3A3 = 900;  ///< BitOps

  void SetUp() override {
    std::string pattern = testing::TempDir() + "/deneb_compare_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  struct Model {
    std::string origin;
    double accuracy = 0, validation = 0, bitops = 0;
  };

  /// A search step `step` of an algorithm; options as `{"scores": "probe:layer_scores"}`.
  struct Search {
    std::string step, algorithm;
    nlohmann::ordered_json options = nlohmann::ordered_json::object();
    StepWork work = {};
    LayerScores scores = {};
    bool policies = true;
  };

  static nlohmann::ordered_json policy(const std::string& word) {
    auto policy = nlohmann::ordered_json::array();
    for (int i = 0; i < 5; ++i) {
      policy.push_back({{"name", "layer" + std::to_string(i)},
                        {"weight", word},
                        {"activation", i == 0 ? "float32" : "uint4"}});
    }
    return policy;
  }

  static nlohmann::ordered_json network_info() {
    auto layers = nlohmann::ordered_json::array();
    for (int i = 0; i < 5; ++i) {
      layers.push_back({{"name", "layer" + std::to_string(i)},
                        {"macs", 20},
                        {"weights", 10},
                        {"pinned", i == 0}});
    }
    return {{"type", "TestNet"}, {"layers", layers}};
  }

  ComparedTask task(const std::string& name, std::int64_t seed, const std::vector<Search>& searches,
                    const std::vector<Model>& models, int epochs = 3) {
    const nlohmann::ordered_json network = {{"type", "TestNet"}};
    const nlohmann::ordered_json dataset = {{"type", "TestData"}};
    nlohmann::ordered_json config = {{"general", {{"seed", seed}, {"task", {{"task_id", name}}}}},
                                     {"pipeline", nlohmann::ordered_json::array()}};
    ComparedTask task;
    task.name = name;
    task.folder = root_ + "/" + name;
    std::filesystem::create_directories(task.folder);
    TrialStore store(task.folder + "/task.sqlite");
    for (const Search& search : searches) {
      nlohmann::ordered_json algorithm = {{"type", search.algorithm}};
      if (search.options.is_object()) algorithm.update(search.options);
      config["pipeline"].push_back(search.step);
      config[search.step] = {
          {"search_algorithm", algorithm}, {"network", network}, {"dataset", dataset}};
      store.begin_step(search.step, "SearchPipeStep");
      store.set_step_info(search.step, {{"network", network_info()}});
      if (search.work.seconds > 0) store.add_work(search.step, search.work);
      store.finish_step(search.step, "finished", "");
      const std::string output = task.folder + "/output/" + search.step;
      std::filesystem::create_directories(output);
      std::vector<Artifact> artifacts;
      if (search.policies) artifacts.push_back({"policies", output});
      if (!search.scores.layers.empty()) {
        write_layer_scores(output + "/layer_scores.json", search.scores);
        artifacts.push_back({"layer_scores", output + "/layer_scores.json"});
      }
      write_artifacts(output, artifacts);
    }
    if (!models.empty()) {
      config["pipeline"].push_back("train");
      config["train"] = {
          {"network", network}, {"dataset", dataset}, {"trainer", {{"epochs", epochs}}}};
      store.begin_step("train", "TrainPipeStep");
      store.set_step_info("train", {{"network", network_info()},
                                    {"objectives",
                                     {{{"name", "accuracy"}, {"direction", "max"}},
                                      {{"name", "bitops"}, {"direction", "min"}}}},
                                    {"reference_costs", {{"float32", {{"bitops", 102400}}}}}});
      add_models(store, models);
      store.finish_step("train", "finished", "");
    }
    task.config = config;
    task.store =
        std::make_shared<TrialStore>(task.folder + "/task.sqlite", TrialStore::Mode::kReadOnly);
    return task;
  }

  static void add_models(TrialStore& store, const std::vector<Model>& models) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      const Model& model = models[i];
      ResultRow row;
      row.step = "train";
      row.id = static_cast<std::int64_t>(i) + 1;
      row.origin = model.origin;
      row.encoding = model.origin == "float32" ? "float32" : "w2a4";
      row.fingerprint = model.origin;
      row.policy = policy(model.origin == "float32" ? "float32" : "int2");
      store.begin_trial(row);
      row.status = "finished";
      row.metrics = {{"accuracy", model.accuracy}, {"bitops", model.bitops}};
      if (model.validation > 0) row.metrics["validation_accuracy"] = model.validation;
      store.finish_trial(row);
    }
  }

  static LayerScores scores(const std::string& origin, const std::vector<double>& two,
                            const std::vector<double>& four) {
    LayerScores all;
    all.model = "TestNet";
    all.origin = origin;
    for (std::size_t i = 0; i < two.size(); ++i) {
      all.layers.push_back(
          {"layer" + std::to_string(i), {{"int2", two[i]}, {"int4", four[i]}}, {}});
    }
    return all;
  }

  /// Uniform models of two seeds, a search of two seeds at both budgets, and one of one seed that
  /// starts from scores of another step.
  ComparisonInput table() {
    const auto uniform = [](double w2a3, double w3a3) {
      return std::vector<Model>{{"uniform w2a3", w2a3, 0.7, kW2A3},
                                {"uniform w3a3", w3a3, 0.7, kW3A3}};
    };
    const auto found = [](double w2a3, double w3a3) {
      return std::vector<Model>{{"nas/small", w2a3, 0.7, 590},
                                {"nas/large", w3a3, 0.7, 880},
                                {"nas/worse", 0.99, 0.6, 890}};
    };
    const Search nas{"nas", "Evolution", {}, {60, 5000, 100}, {}};
    ComparisonInput input;
    input.cost = "bitops";
    input.tasks = {task("uniform_s1", 1, {}, uniform(0.89, 0.9012)),
                   task("uniform_s2", 2, {}, uniform(0.88, 0.9036)),
                   task("evolution_s1", 1, {nas}, found(0.891, 0.9043)),
                   task("evolution_s2", 2, {nas}, found(0.88, 0.9076))};
    const std::vector<Model> solved = {{"solve/a", 0.87, 0.7, kW2A3}};
    input.tasks.push_back(task("probe_s1", 1,
                               {{"probe",
                                 "Probe",
                                 {},
                                 {20, 300, 4000},
                                 scores("Probe", {4, 3, 2.5, 1, 7}, {.4, .1, .2, .3, .05}),
                                 false},
                                {"solve",
                                 "Exact",
                                 {{"scores", "probe:layer_scores"}},
                                 {1, 0, 0},
                                 scores("Learned", {8, 5, 5, 1, 6}, {1, 2, 3, 4, 5})}},
                               solved));
    return input;
  }

  std::string root_;
};

}  // namespace deneb
