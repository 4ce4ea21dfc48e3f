#include "policy_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "expected_cost.h"
#include "support/small_search_context.h"

namespace deneb::fliqs {
namespace {

using torch::Tensor;

const Registry& registry() {
  static const auto loaded =
      plugin_test::load({"classification", "lsq", "resnet_cifar", "small_float", "standard_costs",
                         "synthetic", "uniform"});
  return *loaded;
}

class Context : public deneb::testing::SmallSearchContext {
 public:
  explicit Context(const SearchSpaceOptions& space) : SmallSearchContext(registry(), space) {}
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format& format) override {
    ++quantizers_made;
    const std::string method = format.is_integer() ? (learned ? "LSQ" : "Uniform") : "SmallFloat";
    if (method == "LSQ") return plugin_test::make<Quantizer>(registry(), method);
    return plugin_test::make<Quantizer>(registry(), method, {{"update", "dynamic"}});
  }
  bool learned = false;
  int quantizers_made = 0;
};

SearchSpaceOptions mixed_space() {
  SearchSpaceOptions space = deneb::testing::space_between_fixed_ends({});
  space.weight_candidates = space.activation_candidates = {"int4", "e2m1", "int8", "e4m3"};
  return space;
}

FliqsOptions short_search(int epochs) {
  FliqsOptions options;
  options.target.cost = "bitops";
  options.target.weight_bits = options.target.activation_bits = 5;
  options.trainer.epochs = epochs;
  options.trainer.optimizer.type = "SGD";
  options.trainer.optimizer.lr = 0.02;
  options.policy.lr = 0.1;
  options.probes = 3;
  return options;
}

std::vector<double> numbers_of(const Trace& trace) {
  std::vector<double> all;
  for (const TracePoint& p : trace.points) {
    all.insert(all.end(), {double(p.step), p.quality, p.reward, p.baseline, p.cost_ratio,
                           p.expected_ratio, p.entropy, p.entropy_weight});
  }
  for (const Probe& p : trace.probes) {
    all.insert(all.end(), {double(p.step), p.argmax, p.sampled});
    all.insert(all.end(), p.uniform.begin(), p.uniform.end());
  }
  for (const auto& epoch : trace.epochs) {
    for (const auto& row : epoch) all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

class Qualities : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(FLIQS, Qualities,
                         ::testing::Values("train_loss", "train_accuracy", "valid_loss",
                                           "valid_accuracy"));

TEST_P(Qualities, SameSeedSameResultAlsoResumed) {
  FliqsOptions options = short_search(4);
  options.reward.quality = GetParam();
  if (options.reward.is_loss()) options.policy.baseline = "decision";
  Context first(mixed_space());
  SampledNetwork whole_network(first);
  const Trace whole = search_policy(first, options, whole_network);
  ASSERT_EQ(whole.epochs.size(), 4u);
  EXPECT_EQ(whole.probes.size(), 3u);

  Context second(mixed_space());
  options.trainer.checkpoint_seconds = 1;
  second.stop_at = 12;  // within the third epoch: that of the second is kept
  {
    SampledNetwork network(second);
    EXPECT_THROW(search_policy(second, options, network), Interrupted);
  }
  second.stop_at = -1;
  SampledNetwork resumed_network(second);
  const Trace resumed = search_policy(second, options, resumed_network);
  EXPECT_EQ(numbers_of(whole), numbers_of(resumed));
  const auto a = state_of(whole_network.network()), b = state_of(resumed_network.network());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(at::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

TEST(FLIQS, QualityIsThatOfTheOptionsAndRewardsCost) {
  for (const char* quality : {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy"}) {
    SCOPED_TRACE(quality);
    Context context(mixed_space());
    FliqsOptions options = short_search(1);
    options.reward.quality = quality;
    SampledNetwork network(context);
    const Trace trace = search_policy(context, options, network);
    for (const TracePoint& p : trace.points) {
      const bool is_loss = std::string(quality).find("loss") != std::string::npos;
      EXPECT_EQ(p.quality < 0, is_loss);
      EXPECT_LE(p.quality, 1);
      EXPECT_NEAR(p.reward, p.quality - std::abs(1 - p.cost_ratio), 1e-9);
    }
  }
}

// A heavy weight of the cost leaves nothing else to decide by. Baselines by decision need half the
// steps.
struct Patience {
  const char* baseline;
  int epochs;
};
class Baselines : public ::testing::TestWithParam<Patience> {};
INSTANTIATE_TEST_SUITE_P(FLIQS, Baselines,
                         ::testing::Values(Patience{"reward", 60}, Patience{"decision", 30}));

TEST_P(Baselines, FollowTheTargetInBothDirections) {
  for (const int bits : {4, 8}) {
    SCOPED_TRACE(bits);
    Context context(deneb::testing::space_between_fixed_ends({4, 8}));
    FliqsOptions options = short_search(GetParam().epochs);
    options.target.weight_bits = options.target.activation_bits = bits;
    options.reward.beta = 100;
    options.policy.baseline = GetParam().baseline;
    options.probes = 0;
    SampledNetwork network(context);
    const Trace trace = search_policy(context, options, network);
    const auto genome =
        searches::most_probable_genome(trace.epochs.back(), context.space().genes());
    const BitPolicy policy = context.space().decode(genome);
    const double cost = context.costs(policy).at("bitops");
    EXPECT_NEAR(cost / searches::target_value(context, options.target), 1, 0.1);
  }
}

TEST(FLIQS, SwitchingMakesNoQuantizers) {
  Context context(mixed_space());
  SampledNetwork network(context);
  const int made = context.quantizers_made;
  const Tensor x = network.network().example_batch().input().expand({4, -1, -1, -1}).contiguous();
  network.network().eval();
  torch::NoGradGuard no_grad;
  std::set<float> answers;
  for (const auto& genome : context.space().uniform()) {
    network.set(genome);
    answers.insert(network.network().forward(x)[0][0].item<float>());
  }
  EXPECT_EQ(answers.size(), 4u);  // of four formats
  EXPECT_EQ(context.quantizers_made, made);
}

// What is handed on is the state of a network that has this policy and no other.
TEST(FLIQS, StateIsThatOfTheOrdinaryNetwork) {
  for (const bool learned : {false, true}) {
    SCOPED_TRACE(learned);
    Context context(learned ? deneb::testing::space_between_fixed_ends({3, 4, 8}) : mixed_space());
    context.learned = learned;
    FliqsOptions options = short_search(2);
    SampledNetwork network(context);
    const Trace trace = search_policy(context, options, network);
    const BitPolicy policy = searches::most_probable(context.space(), trace.epochs.back());
    network.set(context.space().encode(policy));
    const auto state = network.state();

    const auto ordinary = context.make_network();
    const auto factory = [&](QuantizerRole role) {
      return [&context, role](const Format& f) { return context.make_quantizer(role, f); };
    };
    apply_policy(*ordinary, policy, factory(QuantizerRole::kWeight),
                 factory(QuantizerRole::kActivation));
    const LoadReport report = load_state(*ordinary, state, "test");
    EXPECT_THAT(report.missing, ::testing::IsEmpty());
    EXPECT_THAT(report.unused, ::testing::IsEmpty());
    ordinary->eval();
    network.network().eval();
    torch::NoGradGuard no_grad;
    const Tensor x = ordinary->example_batch().input();
    const std::map<std::string, Tensor> handed_on(state.begin(), state.end());
    for (const auto& parameter : ordinary->named_parameters()) {
      EXPECT_TRUE(at::equal(parameter.value(), handed_on.at(parameter.key()))) << parameter.key();
    }
    for (const auto& buffer : ordinary->named_buffers()) {
      EXPECT_TRUE(at::equal(buffer.value(), handed_on.at(buffer.key()))) << buffer.key();
    }
    // Some processors sum the convolutions of two networks in two orders.
    EXPECT_TRUE(at::allclose(ordinary->forward(x), network.network().forward(x), 1e-5, 1e-6));
  }
}

// Of the expected width, then the more probable of its formats.
TEST(FLIQS, RoundingToTheMeanKnowsKindsOfFormats) {
  for (const bool tied : {false, true}) {
    SearchSpaceOptions space = mixed_space();  // int4, e2m1, int8, e4m3
    space.tie_weight_activation = tied;
    const Context context(space);
    const searches::Probabilities p(context.space().genes().size(), {0.2, 0.4, 0.3, 0.1});
    const double expected = tied ? std::sqrt(0.6 * 16 + 0.4 * 64) : 0.6 * 4 + 0.4 * 8;
    const double share = tied ? 0.5 : 1;
    for (const LayerScore& layer : searches::scores_of(context.space(), p, "mean", "").layers) {
      for (const FormatScores* side : {&layer.weight, &layer.activation}) {
        std::map<std::string, double> scores;
        for (const auto& [word, score] : *side) {
          scores[word[0] == 'u' ? word.substr(1) : word] = score / share;
        }
        ASSERT_EQ(scores.size(), 4u);
        EXPECT_NEAR(scores["e2m1"], std::pow(expected - 4, 2), 1e-12);
        EXPECT_NEAR(scores["int8"], std::pow(expected - 8, 2), 1e-12);
        EXPECT_GT(scores["int4"], scores["e2m1"]);
        EXPECT_GT(scores["e4m3"], scores["int8"]);
      }
    }
  }
}

TEST(FLIQS, CheaperOfTwoEquallyProbableFormatsIsTaken) {
  const Context context(mixed_space());
  searches::Probabilities equal;
  for (const Gene& gene : context.space().genes()) equal.emplace_back(gene.candidates.size(), 0.25);
  for (const int option : searches::most_probable_genome(equal, context.space().genes())) {
    EXPECT_EQ(option, 0);  // int4, before e2m1
  }
  for (auto& row : equal) row = {0.2, 0.3, 0.2, 0.3};
  for (const int option : searches::most_probable_genome(equal, context.space().genes())) {
    EXPECT_EQ(option, 1);  // e2m1, not e4m3
  }
}

}  // namespace
}  // namespace deneb::fliqs
