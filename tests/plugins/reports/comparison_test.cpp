#include "comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deneb/io/files.h>

#include "comparison_tables.h"
#include "plugins/plugin_registry.h"
#include "plugins/reports/comparison_fixture.h"
#include "statistics.h"

namespace deneb {
namespace {

using reports::ComparedRow;
using reports::Comparison;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// All numbers of this group: scipy 1.17.1, stats.t.ppf, ttest_rel().confidence_interval and
// spearmanr.
TEST(Statistics, QuantilesOfStudent) {
  EXPECT_NEAR(reports::student_t(0.95, 1), 12.706204736174694, 1e-9);
  EXPECT_NEAR(reports::student_t(0.95, 2), 4.302652729749462, 1e-11);
  EXPECT_NEAR(reports::student_t(0.95, 3), 3.1824463052837078, 1e-11);
  EXPECT_NEAR(reports::student_t(0.95, 4), 2.7764451051977934, 1e-11);
  EXPECT_NEAR(reports::student_t(0.95, 10), 2.228138851986274, 1e-11);
  EXPECT_NEAR(reports::student_t(0.95, 29), 2.045229642132703, 1e-11);
  EXPECT_NEAR(reports::student_t(0.95, 200), 1.9718962236339088, 1e-11);
  EXPECT_NEAR(reports::student_t(0.99, 5), 4.032142983555228, 1e-11);
  EXPECT_NEAR(reports::student_t(0.5, 7), 0.7111417780817866, 1e-11);
}

TEST(Statistics, PairedIntervals) {
  const auto three = reports::paired_difference({90.43, 90.76, 90.42}, {90.12, 90.36, 90.40}, 0.95);
  EXPECT_NEAR(three.mean, 0.24333333333333465, 1e-12);
  EXPECT_EQ(three.pairs, 3u);
  ASSERT_TRUE(three.interval.has_value());
  EXPECT_NEAR(three.interval->first, -0.24996246103425615, 1e-9);
  EXPECT_NEAR(three.interval->second, 0.7366291277009255, 1e-9);
  EXPECT_NEAR(*reports::deviation_of({90.43, 90.76, 90.42}), 0.19347695814575325, 1e-12);
  const auto eight =
      reports::paired_difference({3, 1, 4, 1, 5, 9, 2, 6}, {2, 7, 1, 8, 2, 8, 1, 8}, 0.99);
  EXPECT_NEAR(eight.interval->first, -5.55326050582143, 1e-9);
  EXPECT_NEAR(eight.interval->second, 4.05326050582143, 1e-9);
  const auto one = reports::paired_difference({2}, {1.5}, 0.95);
  EXPECT_DOUBLE_EQ(one.mean, 0.5);
  EXPECT_FALSE(one.interval.has_value());
  EXPECT_FALSE(reports::deviation_of({2}).has_value());
}

const ComparedRow& row_of(const Comparison& comparison, const std::string& name) {
  for (const ComparedRow& row : comparison.rows) {
    if (row.name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

std::vector<std::string> names_of(const Comparison& comparison) {
  std::vector<std::string> names;
  for (const ComparedRow& row : comparison.rows) names.push_back(row.name);
  return names;
}

TEST_F(ComparisonTest, SeedsOfOnePipelineAreOneRow) {
  const Comparison comparison = reports::compare(table());
  EXPECT_THAT(names_of(comparison), ElementsAre("uniform", "Evolution", "Probe + Exact"));
  EXPECT_THAT(comparison.notes, IsEmpty());
  ASSERT_EQ(comparison.budgets.size(), 2u);
  EXPECT_EQ(comparison.budgets[0].name, "W2A3");
  EXPECT_DOUBLE_EQ(comparison.budgets[1].cost, kW3A3);
  const auto& at = row_of(comparison, "Evolution").at[1];
  ASSERT_EQ(at.seeds.size(), 2u);
  EXPECT_EQ(at.seeds[1].seed, 2);
  // Validation samples chose: the policy that tests best is not it.
  EXPECT_NEAR(at.mean, 0.90595, 1e-12);
  EXPECT_NEAR(*at.spread, 0.0033 / std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(at.mean_cost, 880, 1e-9);
}

TEST_F(ComparisonTest, DifferencesArePairedBySeed) {
  ComparisonInput input = table();
  // Seeds 1 and 2 of the search, 1, 2 and 4 of the uniform models.
  input.tasks.push_back(task(
      "uniform_s4", 4, {}, {{"uniform w2a3", 0.5, 0.7, kW2A3}, {"uniform w3a3", 0.5, 0.7, kW3A3}}));
  const Comparison comparison = reports::compare(input);
  const auto& difference = row_of(comparison, "Evolution").at[1].difference;
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->pairs, 2u);
  EXPECT_NEAR(difference->mean, 0.00355, 1e-12);
  EXPECT_NEAR(difference->interval->first, -0.00216779213127869, 1e-9);
  EXPECT_NEAR(difference->interval->second, 0.009267792131278686, 1e-9);
  EXPECT_EQ(row_of(comparison, "uniform").at[1].seeds.size(), 3u);
  EXPECT_FALSE(row_of(comparison, "uniform").at[1].difference.has_value());
  const auto& single = row_of(comparison, "Probe + Exact").at[0].difference;
  ASSERT_TRUE(single.has_value());
  EXPECT_NEAR(single->mean, -0.02, 1e-12);
  EXPECT_FALSE(single->interval.has_value());
}

TEST_F(ComparisonTest, NoCommonSeedIsNoDifference) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task("uniform", 1, {}, {{"uniform w2a3", 0.8, 0.7, kW2A3}}),
                 task("nas", 2, {{"nas", "Evolution"}}, {{"nas/1", 0.9, 0.7, 580}})};
  const Comparison comparison = reports::compare(input);
  EXPECT_FALSE(row_of(comparison, "Evolution").at[0].difference.has_value());
}

// Models that train otherwise are compared with uniform models of their own training, if there are
// some.
TEST_F(ComparisonTest, UniformModelsOfTheSameTrainingCount) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task("long", 1, {}, {{"uniform w2a3", 0.9, 0.7, kW2A3}}, 60),
                 task("short", 1, {}, {{"uniform w2a3", 0.8, 0.7, kW2A3}}, 3),
                 task("again", 1, {{"nas", "Evolution"}},
                      {{"nas/1", 0.81, 0.7, 580}, {"uniform w2a3", 0.79, 0.7, kW2A3}}, 3)};
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(comparison.trainings, ElementsAre("trainer.epochs: 60 in long; 3 in short, again"));
  const auto& at = row_of(comparison, "Evolution").at[0];
  ASSERT_TRUE(at.difference.has_value());
  // Two models of seed 1 make one value.
  EXPECT_NEAR(at.difference->mean, 0.81 - 0.795, 1e-12);
  EXPECT_EQ(at.difference->pairs, 1u);
  EXPECT_NE(at.against.find("uniform"), std::string::npos);
}

TEST_F(ComparisonTest, ASearchThatFoundTheUniformPolicyServesBoth) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task("a", 1, {{"nas", "Evolution"}},
                      {{"nas/1, uniform w2a3", 0.81, 0.7, kW2A3}, {"float32", 0.95, 0.9, 102400}})};
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(names_of(comparison), ElementsAre("float32", "uniform", "Evolution"));
  EXPECT_DOUBLE_EQ(row_of(comparison, "Evolution").at[0].difference->mean, 0);
  EXPECT_DOUBLE_EQ(row_of(comparison, "float32").whole.mean, 0.95);
}

TEST_F(ComparisonTest, CostsAddUpOverTheSteps) {
  const Comparison comparison = reports::compare(table());
  const ComparedRow& probed = row_of(comparison, "Probe + Exact");
  EXPECT_THAT(probed.steps, ElementsAre("probe", "solve"));
  ASSERT_TRUE(probed.first.has_value());
  EXPECT_DOUBLE_EQ(*probed.first->training_samples, 300);
  EXPECT_DOUBLE_EQ(*probed.first->evaluation_samples, 4000);
  EXPECT_DOUBLE_EQ(probed.first->seconds, 21);
  EXPECT_FALSE(probed.further.has_value());  // one budget
  // One run serves both budgets.
  const ComparedRow& evolution = row_of(comparison, "Evolution");
  EXPECT_DOUBLE_EQ(*evolution.first->training_samples, 5000);
  ASSERT_TRUE(evolution.further.has_value());
  EXPECT_DOUBLE_EQ(*evolution.further->training_samples, 0);
}

// A search that has to run for each budget: one row, whose further budgets cost as much again.
TEST_F(ComparisonTest, ARunForEachBudgetIsOneRow) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task(
      "runs", 1,
      {{"first", "Descent", {}, {60, 5000, 10}, {}}, {"second", "Descent", {}, {80, 7000, 10}, {}}},
      {{"first/target", 0.91, 0.7, 880},
       {"second/target", 0.89, 0.7, 590},
       {"uniform w2a3", 0.88, 0.7, kW2A3},
       {"uniform w3a3", 0.90, 0.7, kW3A3}})};
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(names_of(comparison), ElementsAre("uniform", "Descent"));
  const ComparedRow& row = row_of(comparison, "Descent");
  EXPECT_DOUBLE_EQ(row.at[0].mean, 0.89);
  EXPECT_DOUBLE_EQ(row.at[1].mean, 0.91);
  EXPECT_DOUBLE_EQ(*row.first->training_samples, 5000);
  EXPECT_DOUBLE_EQ(*row.further->training_samples, 7000);
  EXPECT_DOUBLE_EQ(row.further->seconds, 80);
}

TEST_F(ComparisonTest, StepsWithoutARecordLeaveSamplesOpen) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task("old", 1, {{"nas", "Evolution"}}, {{"nas/1", 0.9, 0.7, 580}})};
  const Comparison comparison = reports::compare(input);
  EXPECT_FALSE(row_of(comparison, "Evolution").first->training_samples.has_value());
}

TEST_F(ComparisonTest, ScoresAreComparedWidthByWidth) {
  const Comparison comparison = reports::compare(table());
  ASSERT_EQ(comparison.scores.size(), 2u);
  EXPECT_EQ(comparison.scores[0].name, "Probe");
  const auto rho = reports::score_agreements(comparison.scores, reports::ScoredTensors::kAll);
  EXPECT_NEAR(rho[0][1].rho, (0.8720815992723809 - 0.6) / 2, 1e-12);
  EXPECT_EQ(rho[0][1].groups, 2u);
  EXPECT_DOUBLE_EQ(rho[1][0].rho, rho[0][1].rho);
  EXPECT_DOUBLE_EQ(rho[0][0].rho, 1);
  EXPECT_TRUE(std::isnan(
      reports::score_agreements(comparison.scores, reports::ScoredTensors::kActivations)[0][1]
          .rho));
}

// Signs of integers do not matter, and a source is compared with itself between its seeds.
TEST_F(ComparisonTest, ScoresOfSeveralSeeds) {
  const LayerScores first = scores("A", {1, 2, 3, 4}, {1, 1, 1, 1});
  LayerScores second = scores("A", {4, 3, 2, 1}, {1, 2, 3, 4});
  for (LayerScore& layer : second.layers) {
    layer.weight["uint2"] = layer.weight["int2"];
    layer.weight.erase("int2");
  }
  const auto rho =
      reports::score_agreements({{"A", {first, second}}}, reports::ScoredTensors::kWeights);
  EXPECT_DOUBLE_EQ(rho[0][0].rho, -1);
}

TEST_F(ComparisonTest, WhatIsLeftOutIsSaid) {
  ComparisonInput input = table();
  input.tasks.push_back(
      task("again", 1, {{"nas", "Evolution", {}, {60, 5000, 100}, {}}}, {{"nas/a", 1, 1, 500}}));
  ComparedTask other =
      task("evolution_s3", 3, {{"nas", "Evolution", {{"width", 4}}}}, {{"nas/a", 0.5, 0.5, 580}});
  input.tasks.push_back(other);
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(
      comparison.notes,
      ElementsAre("again repeats the pipeline and the seed of evolution_s1 and is left out.",
                  "evolution_s1 and evolution_s3 are different pipelines and so different "
                  "rows: they differ in nas.search_algorithm.width. LABEL=TASK makes them "
                  "one row."));
  EXPECT_THAT(names_of(comparison), ElementsAre("uniform", "Evolution (evolution_s1)",
                                                "Probe + Exact", "Evolution (evolution_s3)"));
  for (ComparedTask& each : input.tasks) {
    if (each.name.rfind("evolution", 0) == 0) each.label = "<mine>";
  }
  const Comparison labelled = reports::compare(input);
  EXPECT_EQ(row_of(labelled, "<mine>").tasks.size(), 3u);
}

// Policies of one search, each trained by a task of its own.
TEST_F(ComparisonTest, ALabelGathersTasksOfOneSeed) {
  ComparisonInput input;
  input.cost = "bitops";
  const auto of_budget = [&](const char* name, int width, double accuracy, double cost) {
    ComparedTask made = task(name, 1, {{"nas", "Evolution", {{"width", width}}}},
                             {{"nas/a", accuracy, 0.5, cost},
                              {"uniform w2a3", 0.80, 0.5, kW2A3},
                              {"uniform w3a3", 0.90, 0.5, kW3A3}});
    made.label = "mine";
    return made;
  };
  input.tasks = {of_budget("low", 2, 0.82, kW2A3), of_budget("high", 3, 0.91, kW3A3),
                 of_budget("high again", 3, 0.95, kW3A3)};
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(comparison.notes,
              ElementsAre("high again repeats the pipeline and the seed of high and is left out."));
  const ComparedRow& row = row_of(comparison, "mine");
  EXPECT_DOUBLE_EQ(row.at[0].mean, 0.82);
  EXPECT_DOUBLE_EQ(row.at[1].mean, 0.91);
}

// One search, whose policy other tasks train with other seeds.
TEST_F(ComparisonTest, ALabelJoinsASearchWithWhatTrainsItsPolicies) {
  ComparisonInput input;
  input.cost = "bitops";
  input.tasks = {task("second", 2, {}, {{"best", 0.93, 0.5, kW3A3}}),
                 task("first", 1, {{"nas", "Evolution", {}, {60, 5000, 100}, {}}},
                      {{"nas/a", 0.91, 0.5, kW3A3}, {"uniform w3a3", 0.90, 0.5, kW3A3}})};
  const Comparison apart = reports::compare(input);
  EXPECT_THAT(names_of(apart), ElementsAre("uniform", "Evolution", "second"));
  for (ComparedTask& each : input.tasks) each.label = "mine";
  const Comparison comparison = reports::compare(input);
  EXPECT_THAT(names_of(comparison), ElementsAre("uniform", "mine"));
  const ComparedRow& row = row_of(comparison, "mine");
  EXPECT_EQ(row.tasks.size(), 2u);
  ASSERT_EQ(row.at[0].seeds.size(), 2u);
  EXPECT_DOUBLE_EQ(row.at[0].mean, 0.92);
  ASSERT_TRUE(row.first);
  const ComparedRow& alone = row_of(apart, "Evolution");
  EXPECT_DOUBLE_EQ(row.first->seconds, alone.first->seconds) << "of the task that has searched";
}

TEST_F(ComparisonTest, BudgetsMayBeGiven) {
  ComparisonInput input = table();
  input.budgets = {880, kW2A3};
  const Comparison comparison = reports::compare(input);
  ASSERT_EQ(comparison.budgets.size(), 2u);
  EXPECT_EQ(comparison.budgets[0].name, "W2A3");
  EXPECT_EQ(comparison.budgets[1].name, "880");
  EXPECT_TRUE(row_of(comparison, "uniform").at[1].seeds.empty());  // they cost 900
  EXPECT_EQ(row_of(comparison, "Evolution").at[1].seeds.size(), 2u);
}

/// RFC 4180 without quotes, which the test's names do not need but in one cell.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row = {""};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      row.emplace_back();
    } else if (c == '\n' && !quoted) {
      rows.push_back(row);
      row = {""};
    } else {
      row.back() += c;
    }
  }
  return rows;
}

/// The cells of the table in a section of the page: exact values where there are some.
std::vector<std::vector<std::string>> read_table(const std::string& page, const std::string& id) {
  std::vector<std::vector<std::string>> rows;
  std::size_t at = page.find("<section id=\"" + id + "\"");
  at = page.find("<tbody>", at);
  const std::size_t end = page.find("</tbody>", at);
  while ((at = page.find("<t", at + 1)) < end) {
    if (page.compare(at, 4, "<tr>") == 0) {
      rows.emplace_back();
      continue;
    }
    if (page.compare(at, 3, "<td") != 0) continue;
    const std::size_t close = page.find('>', at);
    const std::string tag = page.substr(at, close - at);
    const std::size_t key = tag.find("data-key=\"");
    rows.back().push_back(key != std::string::npos
                              ? tag.substr(key + 10, tag.find('"', key + 10) - key - 10)
                              : page.substr(close + 1, page.find("</td>", close) - close - 1));
  }
  return rows;
}

TEST_F(ComparisonTest, PageAndCsvHoldTheSameNumbers) {
  const auto registry = plugin_test::load({"tables", "html"});
  const ComparisonInput input = table();
  const std::string stem = root_ + "/out/compared";
  std::vector<std::string> paths;
  for (const char* type : {"html", "tables"}) {
    for (const std::string& path :
         plugin_test::make<ComparisonReport>(*registry, type)->write(input, stem)) {
      paths.push_back(path.substr(stem.size()));
    }
  }
  EXPECT_THAT(paths, ElementsAre(".html", ".md", ".csv", "_cost.csv", "_scores.csv", "_widths.csv",
                                 "_models.csv", "_tasks.csv"));
  const std::string page = read_file(stem + ".html");
  for (const std::string name : {"accuracy", "cost", "scores", "models", "tasks"}) {
    auto csv = read_csv(read_file(stem + (name == "accuracy" ? "" : "_" + name) + ".csv"));
    ASSERT_GT(csv.size(), 1u) << name;
    csv.erase(csv.begin());
    EXPECT_EQ(csv, read_table(page, name)) << name;
  }
  // The widths are a chart; their numbers are in the data of the page.
  const std::string head = "id=\"deneb-data\">";
  const std::size_t at = page.find(head) + head.size();
  const auto data = nlohmann::json::parse(page.substr(at, page.find("</script>", at) - at));
  const auto widths = read_csv(read_file(stem + "_widths.csv"));
  ASSERT_EQ(data.at("tables").at("widths").at("rows").size() + 1, widths.size());
  for (std::size_t r = 1; r < widths.size(); ++r) {
    EXPECT_EQ(data["tables"]["widths"]["rows"][r - 1][3], widths[r][3]);
    EXPECT_EQ(widths[r][3], "w2a32");
    EXPECT_EQ(widths[r][4], "w2a4");
  }
  const std::string markdown = read_file(stem + ".md");
  EXPECT_THAT(markdown,
              HasSubstr("| W3A3 | Evolution | 90.59 | 0.23 | 2 | +0.35 | -0.22 | +0.93 | 2 "
                        "| uniform | 880 | 900 | 1: 90.43, 2: 90.76 |"));
}

TEST_F(ComparisonTest, NamesCannotBreakThePage) {
  ComparisonInput input = table();
  for (ComparedTask& task : input.tasks) {
    if (task.name == "probe_s1") task.label = "<script>|\"x\"";
  }
  input.disagreements = {"network.depth: <b>20 in a"};
  const auto registry = plugin_test::load({"tables", "html"});
  const std::string stem = root_ + "/nasty";
  for (const char* type : {"html", "tables"}) {
    plugin_test::make<ComparisonReport>(*registry, type)->write(input, stem);
  }
  const std::string page = read_file(stem + ".html");
  EXPECT_EQ(page.find("<script>|"), std::string::npos);
  EXPECT_EQ(page.find("<b>20"), std::string::npos);
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;20 in a"));
  EXPECT_THAT(read_file(stem + ".md"), HasSubstr("\\<script\\>\\|\"x\""));
  EXPECT_THAT(read_file(stem + ".csv"), HasSubstr("\"<script>|\"\"x\"\"\""));
}

}  // namespace
}  // namespace deneb
