#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include <deneb/train/cross_entropy.h>
#include <deneb/train/evaluator.h>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"

namespace evaluators_test {
namespace {

using deneb::Batch;
using deneb::Direction;
using deneb::Metrics;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const deneb::Registry& registry() {
  static const auto loaded = plugin_test::load({"classification", "language_model_metrics"});
  return *loaded;
}

// Answers what stands in the batch.
class Answers final : public deneb::Network {
 public:
  using Network::forward;
  deneb::Output forward(const Batch& batch) override { return {batch.input(), {}}; }
  std::vector<std::int64_t> input_shape() const override { return {1}; }
  std::int64_t num_classes() const override { return 2; }
};

class Batches final : public deneb::BatchStream {
 public:
  // Rows in batches of `size`.
  Batches(const torch::Tensor& logits, const torch::Tensor& target, std::int64_t size)
      : logits_(logits.split(size)), target_(target.split(size)) {}
  bool next(Batch& batch) override {
    if (next_ == logits_.size()) return false;
    batch["input"] = logits_[next_];
    batch["target"] = target_[next_++];
    return true;
  }

 private:
  std::vector<torch::Tensor> logits_, target_;
  std::size_t next_ = 0;
};

Metrics measure(const std::string& type, const nlohmann::json& options, const torch::Tensor& logits,
                const torch::Tensor& target, std::int64_t batch_size = 7) {
  const auto evaluator = plugin_test::make<deneb::Evaluator>(registry(), type, options);
  Answers network;
  Batches stream(logits, target, batch_size);
  return evaluator->evaluate(network, stream, deneb::CrossEntropy(), torch::kCPU);
}

// Logits whose largest is that of the answer.
torch::Tensor logits_of(const std::vector<std::int64_t>& answers, std::int64_t classes) {
  const auto rows = torch::tensor(answers);
  return torch::zeros({rows.size(0), classes}).scatter_(1, rows.unsqueeze(1), 2);
}

const nlohmann::json kAll = {{"metrics", {"f1", "matthews", "accuracy", "loss"}}};

double value(const Metrics& metrics, const std::string& name) { return metrics.find(name)->value; }

// Oracle numbers: precision and recall of class 1, and the fourfold table, by hand.
TEST(Classification, TwoClasses) {
  const auto target = torch::tensor(
      std::vector<std::int64_t>{0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1});
  const auto logits = logits_of({0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1}, 2);
  for (const std::int64_t size : {1, 7, 20}) {
    const Metrics metrics = measure("Classification", kAll, logits, target, size);
    EXPECT_EQ(metrics.all()[0].name, "f1");
    EXPECT_DOUBLE_EQ(value(metrics, "f1"), 0.47058823529411764);
    EXPECT_NEAR(value(metrics, "matthews"), 0.08206099398622181, 1e-15);
    EXPECT_DOUBLE_EQ(value(metrics, "accuracy"), 11.0 / 20);
    EXPECT_NEAR(value(metrics, "loss"), std::log(1 + std::exp(2.0)) - 2 * 11.0 / 20, 1e-6);
  }
}

// The mean of the classes' F1, and the correlation by its definition from covariances.
TEST(Classification, FourClasses) {
  const auto target = torch::tensor(std::vector<std::int64_t>{
      0, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 3, 3, 2, 2, 2, 1, 1});
  const auto logits = logits_of(
      {0, 3, 3, 2, 2, 2, 3, 1, 1, 0, 0, 0, 2, 3, 2, 3, 2, 1, 0, 1, 0, 2, 0, 3, 3, 2, 2, 0, 1, 1},
      4);
  const Metrics metrics = measure("Classification", kAll, logits, target);
  EXPECT_NEAR(value(metrics, "f1"), 0.801037851037851, 1e-15);
  EXPECT_NEAR(value(metrics, "matthews"), 0.735820895522388, 1e-14);
}

TEST(Classification, Extremes) {
  const auto target = torch::tensor(std::vector<std::int64_t>{0, 1, 1, 0});
  const auto of = [&](const std::vector<std::int64_t>& answers) {
    const Metrics metrics = measure("Classification", kAll, logits_of(answers, 2), target);
    return std::pair{value(metrics, "f1"), value(metrics, "matthews")};
  };
  EXPECT_EQ(of({0, 1, 1, 0}), std::pair(1.0, 1.0));
  EXPECT_EQ(of({1, 0, 0, 1}), std::pair(0.0, -1.0));
  EXPECT_EQ(of({0, 0, 0, 0}), std::pair(0.0, 0.0));
}

TEST(Classification, DefaultMetrics) {
  const auto evaluator =
      plugin_test::make<deneb::Evaluator>(registry(), "Classification", nlohmann::json::object());
  std::vector<std::string> names;
  for (const auto& metric : evaluator->metrics()) names.push_back(metric.name);
  EXPECT_THAT(names, ElementsAre("accuracy", "accuracy_top5", "loss"));
  EXPECT_EQ(evaluator->metrics()[2].direction, Direction::kMinimize);
}

TEST(Classification, IgnoredTargetsAreNotCounted) {
  const auto target = torch::tensor(std::vector<std::int64_t>{0, -100, 1, -100});
  const Metrics metrics = measure("Classification", kAll, logits_of({0, 0, 0, 0}, 2), target);
  EXPECT_DOUBLE_EQ(value(metrics, "accuracy"), 0.5);
  EXPECT_DOUBLE_EQ(value(metrics, "matthews"), 0);
}

TEST(Classification, Errors) {
  const auto error = [](const nlohmann::json& options) {
    return text_of<deneb::ConfigError>(
        [&] { plugin_test::make<deneb::Evaluator>(registry(), "Classification", options); });
  };
  EXPECT_THAT(error({{"metrics", nlohmann::json::array()}}), HasSubstr("metrics: is empty"));
  EXPECT_THAT(error({{"metrics", {"f1", "f1"}}}), HasSubstr("'f1' is named twice"));
  EXPECT_THAT(error({{"metrics", {"f2"}}}), HasSubstr("f1"));
  EXPECT_THAT(
      text_of<deneb::RunError>([] {
        measure("Classification", {}, torch::zeros({2, 3, 5}), torch::zeros({2, 3}, torch::kInt64));
      }),
      HasSubstr("name the evaluator LanguageModel"));
}

// The largest of NaN is some class, which may even be the right one.
TEST(Evaluators, NothingIsMeasuredOfNan) {
  torch::Tensor logits = torch::ones({9, 4}), target = torch::zeros({9}, torch::kInt64);
  logits[8][2] = NAN;
  EXPECT_THAT(text_of<deneb::RunError>([&] { measure("Classification", {}, logits, target); }),
              HasSubstr("answers NaN for 1 of 2 samples"));
  logits = torch::full({3, 4, 5}, NAN);
  EXPECT_THAT(text_of<deneb::RunError>([&] {
                measure("LanguageModel", nlohmann::json::object(), logits,
                        torch::zeros({3, 4}, torch::kInt64));
              }),
              HasSubstr("answers NaN for 3 of 3 samples"));
  // Classes that are ruled out are no NaN.
  logits = torch::tensor({{1.f, -INFINITY}, {-INFINITY, 1.f}});
  EXPECT_EQ(value(measure("Classification", {}, logits, torch::tensor({0, 1})), "accuracy"), 1);
}

TEST(LanguageModel, CountsTokensNotBatches) {
  torch::manual_seed(3);
  const auto logits = torch::randn({5, 4, 9}, torch::kFloat64);
  auto target = logits.argmax(-1);
  target[0][1] = (target[0][1] + 1) % 9;
  target[3][0] = (target[3][0] + 1) % 9;
  target[4].slice(0, 1).fill_(-100);  // a window of one token
  // By the definition, token by token.
  double sum = 0;
  std::int64_t tokens = 0;
  for (int row = 0; row < 5; ++row) {
    for (int t = 0; t < 4; ++t) {
      const auto label = target[row][t].item<std::int64_t>();
      if (label < 0) continue;
      sum -= logits[row][t].log_softmax(0)[label].item<double>();
      ++tokens;
    }
  }
  ASSERT_EQ(tokens, 17);
  for (const std::int64_t size : {1, 3, 5}) {
    const Metrics metrics =
        measure("LanguageModel", nlohmann::json::object(), logits, target, size);
    EXPECT_EQ(metrics.all()[0].name, "perplexity");
    EXPECT_EQ(metrics.all()[0].direction, Direction::kMinimize);
    EXPECT_NEAR(value(metrics, "perplexity"), std::exp(sum / 17), 1e-9);
    EXPECT_NEAR(value(metrics, "loss"), sum / 17, 1e-10);
    EXPECT_DOUBLE_EQ(value(metrics, "accuracy"), 15.0 / 17);
  }
}

TEST(LanguageModel, Errors) {
  const auto error = [](const torch::Tensor& logits, const torch::Tensor& target) {
    return text_of<deneb::RunError>(
        [&] { measure("LanguageModel", nlohmann::json::object(), logits, target); });
  };
  EXPECT_THAT(error(torch::zeros({2, 3}), torch::zeros({2}, torch::kInt64)),
              HasSubstr("name the evaluator Classification"));
  EXPECT_THAT(error(torch::zeros({2, 3, 5}), torch::full({2, 3}, -100, torch::kInt64)),
              HasSubstr("holds no tokens that count"));
}

}  // namespace
}  // namespace evaluators_test
