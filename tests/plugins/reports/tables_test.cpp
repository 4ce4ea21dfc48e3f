#include <gmock/gmock.h>

#include <map>
#include <set>

#include "plugins/reports/report_fixture.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Table = std::vector<std::vector<std::string>>;

/// RFC 4180, apart from the line ends, which are "\n".
Table parse_csv(const std::string& text) {
  Table rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      EXPECT_EQ(cell, "") << "a quote within an unquoted cell";
      quoted = true;
    } else if (c == ',' || c == '\n') {
      row.push_back(cell);
      cell.clear();
      if (c == '\n') {
        rows.push_back(row);
        row.clear();
      }
    } else {
      cell += c;
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_TRUE(row.empty() && cell.empty()) << "no line end at the end";
  return rows;
}

/// Rows as column -> text.
std::vector<std::map<std::string, std::string>> records(const std::string& text) {
  const Table table = parse_csv(text);
  std::vector<std::map<std::string, std::string>> all;
  for (std::size_t r = 1; r < table.size(); ++r) {
    EXPECT_EQ(table[r].size(), table[0].size()) << "row " << r;
    std::map<std::string, std::string> record;
    for (std::size_t c = 0; c < table[0].size(); ++c) record[table[0][c]] = table[r].at(c);
    all.push_back(record);
  }
  return all;
}

using TablesTest = ReportTest;

TEST_F(TablesTest, ReportsCsvHasEveryTrialExactly) {
  synthetic::make_task(task_);
  EXPECT_EQ(write("tables", "nas"), task_ + "/output/nas/output.csv");
  const std::string text = output("nas/reports.csv");
  EXPECT_THAT(parse_csv(text)[0],
              ElementsAre("worker_id", "status", "seed", "encoding", "accuracy", "flops", "params",
                          "loss", "bitops", "size", "runtime_s", "message"));
  const auto rows = records(text);
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  const auto trials = store.trials("nas");
  ASSERT_EQ(rows.size(), 30u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    EXPECT_EQ(row.at("worker_id"), std::to_string(i + 1));
    EXPECT_EQ(row.at("status"), trials[i].status);
    EXPECT_EQ(row.at("seed"), std::to_string(trials[i].seed));
    EXPECT_EQ(row.at("encoding"), trials[i].encoding);
    EXPECT_EQ(row.at("message"), trials[i].message);
    EXPECT_NEAR(std::stod(row.at("runtime_s")), trials[i].seconds, 5e-4);
    for (const char* name : {"accuracy", "flops", "params", "loss", "bitops", "size"}) {
      if (trials[i].metrics.contains(name)) {
        // Nothing is lost: the text reads back as the same double.
        EXPECT_EQ(std::stod(row.at(name)), trials[i].metrics[name].get<double>()) << name;
      } else {
        EXPECT_EQ(row.at(name), "") << name;
      }
    }
  }
  EXPECT_EQ(rows[synthetic::kFailed - 1].at("status"), "failed");
  EXPECT_EQ(rows[synthetic::kFailed - 1].at("message"), synthetic::kNastyMessage);
  EXPECT_EQ(rows[synthetic::kFailed - 1].at("accuracy"), "");
  EXPECT_NE(rows[synthetic::kFailed - 1].at("bitops"), "");
  EXPECT_EQ(rows[synthetic::kFailedWithoutCosts - 1].at("status"), "timeout");
  EXPECT_EQ(rows[synthetic::kFailedWithoutCosts - 1].at("bitops"), "");
}

TEST_F(TablesTest, OutputCsvOfASearchIsTheFront) {
  synthetic::make_task(task_);
  write("tables");
  const auto rows = records(output("nas/output.csv"));
  const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
  std::vector<std::string> expected, found;
  for (const ResultRow& trial : store.trials("nas")) {
    if (trial.front) expected.push_back(std::to_string(trial.id));
  }
  ASSERT_GT(expected.size(), 3u);
  ASSERT_LT(expected.size(), 28u);
  for (const auto& row : rows) {
    found.push_back(row.at("worker_id"));
    EXPECT_EQ(row.at("policy"), "policies/" + row.at("worker_id") + ".json");
    EXPECT_TRUE(std::filesystem::exists(task_ + "/output/nas/" + row.at("policy")));
    EXPECT_EQ(row.at("status"), "finished");
  }
  EXPECT_EQ(found, expected);
  // The columns of reports.csv, and the policy.
  auto columns = parse_csv(output("nas/reports.csv"))[0];
  columns.push_back("policy");
  EXPECT_EQ(parse_csv(output("nas/output.csv"))[0], columns);
}

TEST_F(TablesTest, OutputCsvOfATrainingIsAllThatFinished) {
  synthetic::make_task(task_);
  {
    TrialStore store(task_ + "/task.sqlite");
    ResultRow broken;
    broken.step = "fully_train";
    broken.id = 7;
    store.begin_trial(broken);
    broken.status = "failed";
    store.finish_trial(broken);
  }
  write("tables", "fully_train");
  write("tables", "float");
  EXPECT_EQ(records(output("fully_train/reports.csv")).size(), 7u);
  const auto rows = records(output("fully_train/output.csv"));
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[2].at("policy"), "models/3/policy.json");
  EXPECT_EQ(records(output("float/output.csv")).at(0).at("encoding"), "float32");
}

TEST_F(TablesTest, LeadingColumnsAreThereWithoutSuchMetrics) {
  {
    make_directories(task_);
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("score", "ProxyPipeStep");
    ResultRow row;
    row.step = "score";
    for (const std::int64_t id : {1, 2}) {
      row.id = id;
      store.begin_trial(row);
      row.status = "finished";
      row.metrics = id == 1 ? nlohmann::ordered_json{{"synflow", 1e-7}, {"zen", 0.1}}
                            : nlohmann::ordered_json{{"zen", nullptr}, {"late", 3e20}};
      store.finish_trial(row);
    }
  }
  write("tables");
  const Table table = parse_csv(output("score/reports.csv"));
  EXPECT_THAT(table[0], ElementsAre("worker_id", "status", "seed", "encoding", "accuracy", "flops",
                                    "params", "synflow", "zen", "late", "runtime_s", "message"));
  EXPECT_THAT(table[1],
              ElementsAre("1", "finished", "0", "", "", "", "", "1e-07", "0.1", "", "0.000", ""));
  EXPECT_THAT(table[2],
              ElementsAre("2", "finished", "0", "", "", "", "", "", "", "3e+20", "0.000", ""));
  // A policy file under another name is found through what it says about its origin.
  EXPECT_EQ(records(output("score/output.csv")).at(0).at("policy"), "");
  write_file_atomically(task_ + "/output/score/policies/w3a4_cr12.json",
                        R"({"provenance":{"trial":2}})");
  write_file_atomically(task_ + "/output/score/policies/untried.json",
                        R"({"provenance":{"trial":0}})");
  write("tables");
  EXPECT_EQ(records(output("score/output.csv")).at(0).at("policy"), "");
  EXPECT_EQ(records(output("score/output.csv")).at(1).at("policy"), "policies/w3a4_cr12.json");
}

TEST_F(TablesTest, ReportsJson) {
  synthetic::make_task(task_);
  EXPECT_EQ(write("tables"), task_ + "/output/reports.json");
  const auto json = nlohmann::json::parse(output("reports.json"));
  ASSERT_EQ(json["_steps_"].size(), 3u);
  const auto& nas = json["_steps_"][1];
  EXPECT_EQ(nas["step_name"], "nas");
  EXPECT_EQ(nas["status"], "finished");
  EXPECT_EQ(nas["num_models"], 30);
  EXPECT_EQ(nas["start_time"].get<std::string>().size(), 20u);
  EXPECT_EQ(nas["end_time"].get<std::string>().size(), 20u);
  EXPECT_EQ(nas["message"], "");
  std::set<int> best;
  for (const auto& id : nas["best_models"]) best.insert(id.get<int>());
  std::set<int> front;
  for (const auto& row : records(output("nas/output.csv"))) {
    front.insert(std::stoi(row.at("worker_id")));
  }
  EXPECT_EQ(best, front);
  // No front in a training: the finished model with the best first objective.
  EXPECT_EQ(json["_steps_"][2]["best_models"].dump(), "[4]");

  ASSERT_EQ(json["nas"].size(), 30u);
  const auto& record = json["nas"][*front.begin() - 1];
  EXPECT_EQ(record["worker_id"], *front.begin());
  EXPECT_EQ(record["objectives"]["accuracy"], "MAX");
  EXPECT_EQ(record["objectives"]["bitops"], "MIN");
  EXPECT_EQ(record["objectives"]["loss"], "MIN");
  EXPECT_EQ(record["policy"], "nas/policies/" + std::to_string(*front.begin()) + ".json");
  EXPECT_TRUE(record["performance"]["accuracy"].is_number());
  EXPECT_TRUE(record["seed"].is_number_unsigned());
  EXPECT_TRUE(record["runtime_s"].is_number());
  const auto& failed = json["nas"][synthetic::kFailed - 1];
  EXPECT_EQ(failed["status"], "failed");
  EXPECT_TRUE(failed["policy"].is_null());
  EXPECT_THAT(failed["message"].get<std::string>(), HasSubstr("</script><script>"));
  EXPECT_THAT(failed["message"].get<std::string>(), HasSubstr("no UTF-8: \xef\xbf\xbd"));
  EXPECT_EQ(json["float"][0]["performance"]["validation_accuracy"].get<double>(), 0.921);
  EXPECT_EQ(json["float"][0]["objectives"]["validation_accuracy"], "MAX");
}

/// reports.json's rank correlations of a search with these trials.
class RankTest : public TablesTest {
 protected:
  void add(const std::string& origin, nlohmann::ordered_json metrics,
           const std::string& status = "finished") {
    ResultRow row;
    row.step = "nas";
    row.origin = origin;
    row.status = status;
    row.metrics = std::move(metrics);
    rows_.push_back(row);
  }
  nlohmann::json ranks(const std::string& type = "SearchPipeStep") {
    make_directories(task_);
    {
      TrialStore store(task_ + "/task.sqlite");
      store.erase_step("nas");
      store.begin_step("nas", type);
      store.set_step_info("nas", {{"objectives",
                                   {{{"name", "importance"}, {"direction", "min"}},
                                    {{"name", "bitops"}, {"direction", "min"}}}}});
      for (ResultRow row : rows_) {
        row.id = ++id_;
        store.begin_trial(row);
        store.finish_trial(row);
      }
    }
    write("tables");
    return nlohmann::json::parse(output("reports.json"))["_steps_"][0]["rank_correlations"];
  }
  std::vector<ResultRow> rows_;
  std::int64_t id_ = 0;
};

TEST_F(RankTest, WithTheAccuracyOverAllAndByOrigin) {
  // "a" orders by bitops, "b" against it; "c" is too small for a group of its own.
  for (int i = 1; i <= 8; ++i) add("a", {{"accuracy", i}, {"bitops", 10 * i}, {"params", 5}});
  for (int i = 1; i <= 8; ++i) add("b", {{"accuracy", 100 + i}, {"bitops", -i}, {"few", i}});
  add("c", {{"accuracy", 200}, {"bitops", 200}});
  add("b", {{"accuracy", 900}, {"bitops", 900}}, "failed");
  const auto json = ranks();
  EXPECT_EQ(json["metric"], "accuracy");
  // Ranks by bitops: "a" 9..16, "b" 8..1, "c" 17: sum d^2 = 8 * 64 + (1 + 9 + ... + 225) + 0.
  EXPECT_NEAR(json["all"]["bitops"]["spearman"], 1 - 6.0 * 1192 / (17 * 288), 1e-12);
  EXPECT_EQ(json["all"]["bitops"]["trials"], 17);
  // A metric that only some have; one that never changes.
  EXPECT_EQ(json["all"]["few"].dump(), R"({"spearman":1.0,"trials":8})");
  EXPECT_FALSE(json["all"].contains("params"));
  EXPECT_FALSE(json["all"].contains("accuracy"));
  EXPECT_EQ(json["by_origin"].size(), 2u);
  EXPECT_EQ(json["by_origin"]["a"].dump(), R"({"bitops":{"spearman":1.0,"trials":8}})");
  EXPECT_EQ(json["by_origin"]["b"]["bitops"]["spearman"], -1.0);
}

TEST_F(RankTest, WithTheFirstObjectiveWhereThereIsNoAccuracy) {
  for (int i = 1; i <= 8; ++i) {
    add("set " + std::to_string(i), {{"importance", i}, {"bitops", i % 2 ? -i : i}});
    if (i <= 7) rows_.back().metrics["accuracy"] = i;  // of too few
  }
  const auto json = ranks();
  EXPECT_EQ(json["metric"], "importance");
  // Ranks by bitops 4 5 3 6 2 7 1 8: d^2 = 9 9 0 4 9 1 36 0.
  EXPECT_NEAR(json["all"]["bitops"]["spearman"], 1 - 6.0 * 68 / 504, 1e-12);
  EXPECT_EQ(json["all"].size(), 1u);
  EXPECT_TRUE(json["by_origin"].empty());
}

TEST_F(RankTest, NoneOfFewTrialsAndNoneOfTraining) {
  for (int i = 1; i <= 7; ++i) add("a", {{"accuracy", i}, {"bitops", i}});
  EXPECT_TRUE(ranks().is_null());
  add("a", {{"accuracy", 8}, {"bitops", nullptr}});
  EXPECT_TRUE(ranks().is_null());
  add("a", {{"accuracy", 9}, {"bitops", 9}});
  EXPECT_EQ(ranks()["all"]["bitops"]["trials"], 8);
  EXPECT_TRUE(ranks("TrainPipeStep").is_null());
}

// The generations of an evolution are not compared with each other.
TEST_F(RankTest, NoGroupsOfMoreThanTwelveOrigins) {
  for (int origin = 0; origin < 13; ++origin) {
    for (int i = 1; i <= 8; ++i) {
      add("generation " + std::to_string(origin), {{"accuracy", i}, {"bitops", i}});
    }
  }
  EXPECT_TRUE(ranks()["by_origin"].empty());
  rows_.resize(12 * 8);
  EXPECT_EQ(ranks()["by_origin"].size(), 12u);
}

TEST_F(TablesTest, DirectionsComeFromTheStep) {
  {
    make_directories(task_);
    TrialStore store(task_ + "/task.sqlite");
    store.begin_step("nas", "SearchPipeStep");
    store.set_step_info("nas", {{"objectives",
                                 {{{"name", "accuracy"}, {"direction", "min"}},
                                  {{"name", "throughput"}, {"direction", "max"}}}}});
    ResultRow row;
    row.step = "nas";
    row.id = 1;
    store.begin_trial(row);
  }
  write("tables");
  const auto json = nlohmann::json::parse(output("reports.json"));
  EXPECT_EQ(json["nas"][0]["objectives"].dump(), R"({"accuracy":"MIN","throughput":"MAX"})");
  EXPECT_EQ(json["nas"][0]["status"], "running");
  EXPECT_EQ(json["_steps_"][0]["end_time"], "");
}

TEST_F(TablesTest, WritingTwiceGivesTheSameFiles) {
  synthetic::make_task(task_);
  write("tables");
  const std::string csv = output("nas/reports.csv"), front = output("nas/output.csv"),
                    json = output("reports.json");
  write("tables");
  EXPECT_EQ(output("nas/reports.csv"), csv);
  EXPECT_EQ(output("nas/output.csv"), front);
  EXPECT_EQ(output("reports.json"), json);
  // The same search at another time: only runtime_s may differ, and here it does not either.
  task_ = root_ + "/again";
  synthetic::make_task(task_);
  write("tables");
  EXPECT_EQ(output("nas/reports.csv"), csv);
  EXPECT_EQ(output("nas/output.csv"), front);
}

TEST_F(TablesTest, OneStepLeavesTheOthersAlone) {
  synthetic::make_task(task_);
  write("tables", "nas");
  EXPECT_FALSE(std::filesystem::exists(task_ + "/output/fully_train/reports.csv"));
  EXPECT_TRUE(std::filesystem::exists(task_ + "/output/reports.json"));
  try {
    write("tables", "nsa");
    FAIL() << "no error";
  } catch (const RunError& e) {
    EXPECT_THAT(e.what(), HasSubstr("knows no step 'nsa'"));
  }
}

TEST_F(TablesTest, AnUnwritableFolderIsReported) {
  synthetic::make_task(task_);
  std::filesystem::remove_all(task_ + "/output/nas");
  write_file_atomically(task_ + "/output/nas", "a file where the folder should be");
  EXPECT_THROW(write("tables", "nas"), RunError);
}

// The test split judges: without validation values no model is the best one.
TEST_F(TablesTest, NothingIsChosenByTestValues) {
  {
    make_directories(task_);
    TrialStore store(task_ + "/task.sqlite");
    for (const char* step : {"tested", "validated"}) {
      store.begin_step(step, "TrainPipeStep");
      store.set_step_info(step, {{"objectives", {{{"name", "accuracy"}, {"direction", "max"}}}}});
      for (const std::int64_t id : {1, 2, 3}) {
        ResultRow row;
        row.step = step;
        row.id = id;
        row.origin = id == 3 ? "uniform w4a4" : "uniform_like/" + std::to_string(id);
        store.begin_trial(row);
        row.status = "finished";
        row.metrics = {{"accuracy", 0.5 + 0.1 * double(id)}};
        if (row.step == "validated") {
          row.metrics["validation_accuracy"] = id == 1 ? 0.8 : id == 2 ? 0.7 : 0.9;
        }
        store.finish_trial(row);
      }
    }
  }
  write("tables");
  const auto steps = nlohmann::json::parse(output("reports.json"))["_steps_"];
  EXPECT_EQ(steps[0]["best_models"].dump(), "[]");
  EXPECT_EQ(steps[1]["best_models"].dump(), "[1]") << "baselines stand aside";
}

}  // namespace
}  // namespace deneb
