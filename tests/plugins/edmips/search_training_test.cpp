#include "search_training.h"

#include <gmock/gmock.h>

#include <deneb/nn/walk.h>
#include <deneb/quant/quantizer.h>
#include <deneb/train/evaluator.h>

#include <algorithm>
#include <cmath>

#include "assignment_search.h"
#include "plugins/plugin_registry.h"
#include "support/small_search_context.h"

namespace deneb::edmips {
namespace {

using torch::Tensor;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"classification", "hwgq", "lsq", "mixture", "resnet_cifar", "standard_costs", "synthetic"});
  return *loaded;
}

SearchSpaceOptions space_of(std::vector<int> bits) {
  return deneb::testing::space_between_fixed_ends(std::move(bits));
}

class Context : public deneb::testing::SmallSearchContext {
 public:
  explicit Context(const SearchSpaceOptions& space) : SmallSearchContext(registry(), space) {}
  std::shared_ptr<Quantizer> make_quantizer(const PluginSpec& spec) override {
    return plugin_test::make<Quantizer>(registry(), spec.type, spec.options);
  }
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format&) override {
    return plugin_test::make<Quantizer>(registry(), "LSQ");
  }
};

EdmipsOptions short_search(int epochs) {
  EdmipsOptions options;
  options.trainer.epochs = epochs;
  options.trainer.optimizer.lr = 0.02;
  options.alpha_lr = 0.2;
  return options;
}

class Steps : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EdMIPS, Steps, ::testing::Values("gaussian", "lsq"));

TEST_P(Steps, SameSeedSameResultAlsoResumed) {
  EdmipsOptions options = short_search(3);
  options.steps = GetParam();
  options.complexity_decay = 0.05;
  options.save_weights = true;
  Context first(space_of({2, 3, 4}));
  const Trace whole = train_relaxed(first, options);
  Context second(space_of({2, 3, 4}));
  options.trainer.checkpoint_seconds = 1;
  second.stop_at = 7;  // within the second epoch: that of the first is kept
  EXPECT_THROW(train_relaxed(second, options), Interrupted);
  second.stop_at = -1;
  const Trace resumed = train_relaxed(second, options);
  ASSERT_EQ(whole.epochs.size(), 3u);
  ASSERT_EQ(resumed.epochs.size(), 3u);
  EXPECT_EQ(whole.best, resumed.best);
  for (std::size_t e = 0; e < 3; ++e) {
    EXPECT_EQ(whole.epochs[e].probabilities, resumed.epochs[e].probabilities) << e;
  }
  ASSERT_EQ(whole.points.size(), resumed.points.size());
  for (std::size_t i = 0; i < whole.points.size(); ++i) {
    EXPECT_EQ(whole.points[i].task_loss, resumed.points[i].task_loss) << i;
    EXPECT_EQ(whole.points[i].costs, resumed.points[i].costs) << i;
  }
}

TEST_P(Steps, TargetsBetweenNarrowestAndWidestAreMet) {
  EdmipsOptions options = short_search(20);
  options.steps = GetParam();
  options.target.cost = "bitops";
  Context scale(space_of({2, 3, 4, 6}));
  const ExpectedCost cost(scale, "bitops");
  for (int i = 1; i <= 10; ++i) {
    options.target.value = cost.least() + (cost.largest() - cost.least()) * i / 11.0;
    Context context(space_of({2, 3, 4, 6}));
    const Trace trace = train_relaxed(context, options);
    const double reached = trace.points.back().costs.at(0);
    EXPECT_NEAR(reached / options.target.value, 1, 0.03) << i;
    // Rounded exactly, it is within the budget in any case.
    searches::AssignmentOptions assignment;
    searches::ConstraintSet set;
    set.name = "target";
    set.costs = {{"bitops", options.target.value, 0, 0}};
    assignment.constraints = {set};
    const SearchResult result =
        assign(context,
               searches::scores_of(context.space(), trace.epochs.back().probabilities, "likelihood",
                                   "EdMIPS"),
               assignment, "probabilities");
    ASSERT_EQ(result.candidates.size(), 1u) << i;
    EXPECT_LE(result.candidates[0].metrics.at("bitops"), options.target.value) << i;
  }
}

TEST(EdMIPS, PenaltyLowersTheCostAndIsReportedApart) {
  EdmipsOptions options = short_search(10);
  Context free(space_of({1, 2, 3, 4}));
  const Trace without = train_relaxed(free, options);
  options.complexity_decay = 0.2;
  Context bound(space_of({1, 2, 3, 4}));
  const Trace with = train_relaxed(bound, options);
  EXPECT_LT(with.points.back().costs[0], 0.9 * without.points.back().costs[0]);
  EXPECT_EQ(without.points.back().penalty, 0);
  // Norm "total", equal probabilities: the mean of (1 .. 4) x (1 .. 4).
  EXPECT_NEAR(with.points.front().penalty, 0.2 * 6.25, 0.01);
  EXPECT_NEAR(with.points.front().task_loss, without.points.front().task_loss, 1e-6);
  // Without a penalty the loss of the task and weight decay move them all the same.
  EXPECT_NE(without.epochs.back().probabilities[0][0], 0.25);
}

TEST(EdMIPS, EqualProbabilitiesTakeTheFirstCandidates) {
  const Context context(space_of({1, 2, 3, 4}));
  Probabilities equal;
  for (const Gene& gene : context.space().genes()) {
    equal.emplace_back(gene.candidates.size(), 0.25);
  }
  const BitPolicy policy = searches::most_probable(context.space(), equal);
  for (const auto& [name, choice] : policy.layers()) {
    const LayerInfo* layer = context.space().network().find(name);
    if (!layer->pinned) {
      EXPECT_EQ(choice.weight.bits, 1);
    }
  }
  EXPECT_NEAR(mean_entropy(context.space(), equal, QuantizerRole::kWeight), 1, 1e-12);
  const LayerScores scores = searches::scores_of(context.space(), equal, "likelihood", "EdMIPS");
  EXPECT_NEAR(scores.layers[0].weight.at("int3"), std::log(4), 1e-12);
}

TEST(EdMIPS, RoundingByTheMeanUsesTheBudget) {
  Context context(space_of({2, 3, 4}));
  Probabilities spread;
  for (const Gene& gene : context.space().genes()) {
    ASSERT_EQ(gene.candidates.size(), 3u);
    spread.push_back({0.4, 0.3, 0.3});  // most probable: 2; expected: 2.9
  }
  const ExpectedCost cost(context, "bitops");
  searches::AssignmentOptions assignment;
  searches::ConstraintSet set;
  set.name = "budget";
  set.costs = {{"bitops", cost.fixed() + cost.searched(spread), 0, 0}};
  assignment.constraints = {set};
  const auto used = [&](const std::string& rounding) {
    const SearchResult result =
        assign(context, searches::scores_of(context.space(), spread, rounding, "EdMIPS"),
               assignment, rounding);
    return (result.candidates.at(0).metrics.at("bitops") - cost.fixed()) / cost.searched(spread);
  };
  EXPECT_NEAR(used("likelihood"), 4 / 8.41, 1e-6);
  EXPECT_GT(used("mean"), 0.9);
  EXPECT_LE(used("mean"), 1 + 1e-9);
}

TEST(EdMIPS, SharedDecisionsStayEqual) {
  SearchSpaceOptions space = space_of({2, 3, 4});
  space.groups = {{{"layer1.*"}}, {{"layer2.*"}}, {{"layer3.*"}}};
  Context context(space);
  EdmipsOptions options = short_search(2);
  options.complexity_decay = 0.05;
  RelaxedNetwork relaxed(context, options);
  EXPECT_EQ(context.space().genes().size(), 6u);
  at::manual_seed(3);
  for (Tensor& logits : relaxed.logits()) {
    torch::NoGradGuard no_grad;
    logits.add_(torch::rand_like(logits));
  }
  relaxed.tie();
  const auto shares = relaxed.shares();
  EXPECT_TRUE(shares[0].weight.equal(shares[1].weight));
  const Trace trace = train_relaxed(context, options);
  EXPECT_EQ(trace.epochs.back().probabilities.size(), 6u);
}

TEST(EdMIPS, OneWeightForEveryCandidateTrains) {
  EdmipsOptions options = short_search(2);
  options.share_weights = false;
  Context context(space_of({1, 2, 4}));
  const Trace trace = train_relaxed(context, options);
  for (const TracePoint& point : trace.points) EXPECT_TRUE(std::isfinite(point.task_loss));
}

}  // namespace
}  // namespace deneb::edmips
