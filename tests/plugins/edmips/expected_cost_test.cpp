#include "expected_cost.h"

#include <gmock/gmock.h>
#include <torch/optim/sgd.h>

#include <deneb/nn/walk.h>
#include <deneb/quant/format_mixture.h>
#include <deneb/quant/quantizer.h>

#include <cmath>

#include "plugins/plugin_registry.h"
#include "support/fake_search_context.h"

namespace deneb::edmips {
namespace {

using searches::ExpectedCost;
using searches::LayerShares;
using searches::Probabilities;
using ::testing::HasSubstr;
using torch::Tensor;

const Registry& cost_registry() {
  static const auto loaded = plugin_test::load({"mixture", "resnet", "standard_costs"});
  return *loaded;
}

// What a search knows of a network, with the costs of the plugin.
class KnownNetwork final : public deneb::testing::FakeSearchContext {
 public:
  KnownNetwork(NetworkInfo network, const SearchSpaceOptions& options)
      : FakeSearchContext(std::move(network), options, /*seed=*/1) {}
  const CostModel& cost_model(const std::string& name) const override {
    auto& model = models_[name];
    if (!model) model = plugin_test::make<CostModel>(cost_registry(), name);
    return *model;
  }

 private:
  mutable std::map<std::string, std::shared_ptr<CostModel>> models_;
};

const NetworkInfo& resnet18() {
  static const NetworkInfo info =
      probe(*plugin_test::make<Network>(cost_registry(), "ResNet", {{"depth", 18}}), "ResNet");
  return info;
}

// EdMIPS' space: weights of 1 to 4 bits, inputs of 2 to 4, float ends.
SearchSpaceOptions paper_space() {
  SearchSpaceOptions options;
  options.weight_candidates = {"int1", "int2", "int3", "int4"};
  options.activation_candidates = {"int2", "int3", "int4"};
  return options;
}

// Every weight gene at `weight` and every input gene at `input`; uniform where empty.
Probabilities probabilities(const SearchSpace& space, std::vector<double> weight,
                            std::vector<double> input) {
  Probabilities p;
  for (const Gene& gene : space.genes()) {
    const auto& given = gene.role == Gene::Role::kWeight ? weight : input;
    const std::size_t n = gene.candidates.size();
    p.push_back(given.empty() ? std::vector<double>(n, 1.0 / double(n)) : given);
  }
  return p;
}

TEST(ExpectedCost, PenaltiesOfResNet18) {
  const KnownNetwork setup(resnet18(), paper_space());
  const SearchSpace& space = setup.space();
  const ExpectedCost cost(setup, "bitops");
  const auto penalty = [&](const std::vector<double>& w, const std::vector<double>& a) {
    return cost.searched(probabilities(space, w, a)) / cost.unit("first");
  };
  EXPECT_NEAR(cost.unit("first"), 115.6055e6, 1e2);
  EXPECT_NEAR(cost.unit("total"), 1695.547e6, 1e3);
  EXPECT_NEAR(penalty({}, {}), 110.0, 1e-6);
  EXPECT_NEAR(penalty({1, 0, 0, 0}, {1, 0, 0}), 29.3333, 1e-4);
  EXPECT_NEAR(penalty({0, 1, 0, 0}, {1, 0, 0}), 58.6667, 1e-4);
  EXPECT_NEAR(penalty({0, 0, 0, 1}, {0, 0, 1}), 234.6667, 1e-4);
  // The allocation that EdMIPS' code stores, in the order of its layers: each block before its
  // shortcut.
  const std::vector<int> w = {1, 1, 1, 1, 3, 2, 4, 2, 1, 3, 2, 4, 2, 1, 3, 2, 4, 2, 2};
  const std::vector<int> a = {2, 2, 2, 2, 2, 2, 4, 2, 2, 3, 3, 3, 2, 2, 3, 3, 3, 2, 2};
  std::vector<std::string> names;
  for (int stage = 1; stage <= 4; ++stage) {
    for (int block = 0; block < 2; ++block) {
      const std::string at = "layer" + std::to_string(stage) + "." + std::to_string(block) + ".";
      names.insert(names.end(), {at + "conv1", at + "conv2"});
      if (stage > 1 && block == 0) names.push_back(at + "downsample.0");
    }
  }
  Probabilities stored(space.genes().size());
  for (const LayerGenes& genes : space.layer_genes()) {
    const std::string& name = space.network().layers[genes.layer].name;
    const auto i = std::size_t(std::find(names.begin(), names.end(), name) - names.begin());
    ASSERT_LT(i, names.size()) << name;
    stored[*genes.weight].assign(4, 0);
    stored[*genes.weight][std::size_t(w[i] - 1)] = 1;
    stored[*genes.activation].assign(3, 0);
    stored[*genes.activation][std::size_t(a[i] - 2)] = 1;
  }
  EXPECT_NEAR(cost.searched(stored) / cost.unit("first"), 58.2222, 1e-4);
  const BitPolicy policy = searches::most_probable(space, stored);
  EXPECT_NEAR(cost.searched(stored) + cost.fixed(),
              setup.cost_model("bitops").total(space.network(), policy), 1);
}

// Penalty alone, one layer, SGD with momentum 0.9 and weight decay 1e-4.
class PenaltyAlone {
 public:
  PenaltyAlone() : setup_(one_layer(), paper_space_of_one()), cost_(setup_, "bitops") {
    for (const auto& [role, widths] :
         {std::pair{QuantizerRole::kWeight, std::vector<int>{1, 2, 3, 4}},
          std::pair{QuantizerRole::kActivation, std::vector<int>{2, 3, 4}}}) {
      quantizers_.push_back(
          plugin_test::make<Quantizer>(cost_registry(), "Mixture", {{"widths", widths}}));
      quantizers_.back()->attach({role, "layer", torch::ones({1, 1, 1, 1}, torch::kFloat64)});
      mixtures_.push_back(dynamic_cast<FormatMixture*>(quantizers_.back().get()));
    }
  }
  void train(double cd, double lr, int steps) {
    torch::optim::SGD sgd({mixtures_[0]->logits(), mixtures_[1]->logits()},
                          torch::optim::SGDOptions(lr).momentum(0.9).weight_decay(1e-4));
    for (int i = 0; i < steps; ++i) {
      sgd.zero_grad();
      const std::vector<LayerShares> shares = {{mixtures_[0]->shares(), mixtures_[1]->shares()}};
      (cost_.searched(shares) * (cd / cost_.unit("first"))).backward();
      sgd.step();
    }
  }
  std::vector<double> alphas(int of) const {
    const Tensor values = mixtures_[std::size_t(of)]->logits().detach().contiguous();
    return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
  }

 private:
  static NetworkInfo one_layer() {
    NetworkInfo info = deneb::testing::chain_network(1);
    info.layers[0].signed_input = false;
    return info;
  }
  static SearchSpaceOptions paper_space_of_one() {
    SearchSpaceOptions options = paper_space();
    options.first_layer = options.last_layer = "search";
    return options;
  }
  KnownNetwork setup_;
  ExpectedCost cost_;
  std::vector<std::shared_ptr<Quantizer>> quantizers_;
  std::vector<FormatMixture*> mixtures_;
};

void expect_close(const std::vector<double>& got, const std::vector<double>& wanted, double by) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], by) << i;
}

TEST(ExpectedCost, MovesTheParametersAsPublished) {
  PenaltyAlone slow;
  slow.train(0.00335, 0.01, 1);
  expect_close(slow.alphas(0), {.010038, .010013, .009987, .009962}, 1e-6);
  expect_close(slow.alphas(1), {.010028, .01, .009972}, 1e-6);
  PenaltyAlone hundred;
  hundred.train(0.00335, 0.01, 100);
  expect_close(hundred.alphas(0), {.044407, .021175, -.001621, -.023997}, 1e-5);
  expect_close(hundred.alphas(1), {.035352, .009815, -.015195}, 1e-5);
  PenaltyAlone thousand;
  thousand.train(0.00335, 0.01, 1000);
  expect_close(thousand.alphas(0), {.396766, .097535, -.133364, -.321331}, 1e-5);
  expect_close(thousand.alphas(1), {.277578, -.01154, -.236334}, 1e-5);
  PenaltyAlone fast;
  fast.train(0.05, 0.05, 1);
  expect_close(fast.alphas(0), {.012812, .010937, .009062, .007187}, 1e-6);
  expect_close(fast.alphas(1), {.012083, .01, .007917}, 1e-6);
}

// Against the sum over all policies, each with its probability.
TEST(ExpectedCost, IsTheMeanOverAllPolicies) {
  NetworkInfo network = deneb::testing::chain_network(3);
  SearchSpaceOptions options = deneb::testing::open_space({2, 3, 5});
  for (const std::string cost : {"bitops", "size"}) {
    for (const bool tied : {false, true}) {
      options.tie_weight_activation = tied;
      options.overrides = {{"layer1", Words("int4"), Words("search")}};
      if (tied) options.overrides.clear();
      const KnownNetwork setup(network, options);
      const SearchSpace& space = setup.space();
      Probabilities p;
      for (std::size_t g = 0; g < space.genes().size(); ++g) {
        p.push_back({0.2 + 0.01 * double(g), 0.5, 0.3 - 0.01 * double(g)});
      }
      double mean = 0;
      std::vector<int> genome(space.genes().size(), 0);
      for (bool more = true; more;) {
        double probability = 1;
        for (std::size_t g = 0; g < genome.size(); ++g) {
          probability *= p[g][std::size_t(genome[g])];
        }
        mean += probability * setup.cost_model(cost).total(network, space.decode(genome));
        more = false;
        for (int& index : genome) {
          if (++index < 3) {
            more = true;
            break;
          }
          index = 0;
        }
      }
      const ExpectedCost expected(setup, cost);
      EXPECT_NEAR(expected.searched(p) + expected.fixed(), mean, 1e-9 * mean) << cost << tied;
    }
  }
}

TEST(ExpectedCost, AveragesADecisionOverItsOwnCandidates) {
  const NetworkInfo network = deneb::testing::chain_network(4);
  SearchSpaceOptions options = deneb::testing::open_space({2, 3, 5});
  for (const bool tied : {false, true}) {
    SCOPED_TRACE(tied);
    options.tie_weight_activation = tied;
    options.overrides.clear();
    if (!tied) options.overrides = {{"layer1", Words("int4"), Words("search")}};
    options.groups = {{{"layer0", "layer2"}}};
    const KnownNetwork setup(network, options);
    const SearchSpace& space = setup.space();
    Probabilities p;
    std::vector<int> genome;
    for (std::size_t g = 0; g < space.genes().size(); ++g) {
      p.push_back({0.2 + 0.01 * double(g), 0.5, 0.3 - 0.01 * double(g)});
      genome.push_back(int(g % 3));
    }
    const ExpectedCost cost(setup, "bitops");
    const auto averaged = cost.averaged_over_own(genome, p);
    ASSERT_EQ(averaged.size(), genome.size());
    for (std::size_t g = 0; g < genome.size(); ++g) {
      double mean = 0;
      for (int option = 0; option < 3; ++option) {
        std::vector<int> other = genome;
        other[g] = option;
        mean += p[g][std::size_t(option)] *
                setup.cost_model("bitops").total(network, space.decode(other));
      }
      EXPECT_NEAR(averaged[g] + cost.fixed(), mean, 1e-9 * mean) << g;
    }
  }
}

TEST(TargetValue, RefusesWhatNoPolicyHas) {
  const KnownNetwork setup(resnet18(), paper_space());
  searches::TargetOptions target;
  target.cost = "bitops";
  target.value = 1;
  try {
    searches::target_value(setup, target);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("search_algorithm.target: bitops of 1 cannot be reached"));
  }
  target.value = 0;
  target.weight_bits = target.activation_bits = 3;
  EXPECT_GT(searches::target_value(setup, target), 9 * 1695e6);
}

// BitOps are a product of widths: between 2 and 3 bits they lie on a line in each of the two.
TEST(TargetValue, WidthsBetweenAndShares) {
  const KnownNetwork setup(resnet18(), paper_space());
  const auto value = [&](double weight_bits, double activation_bits, double share) {
    searches::TargetOptions target;
    target.cost = "bitops";
    target.weight_bits = weight_bits;
    target.activation_bits = activation_bits;
    target.share = share;
    return searches::target_value(setup, target);
  };
  const double w2a2 = value(2, 2, 1), w2a3 = value(2, 3, 1), w3a2 = value(3, 2, 1),
               w3a3 = value(3, 3, 1);
  EXPECT_NEAR(value(2.25, 3, 1), 0.75 * w2a3 + 0.25 * w3a3, 1e-3);
  EXPECT_NEAR(value(2.5, 2.5, 1), (w2a2 + w2a3 + w3a2 + w3a3) / 4, 1e-3);
  EXPECT_NEAR(value(4, 4, 0.9), 0.9 * value(4, 4, 1), 1e-3);
}

}  // namespace
}  // namespace deneb::edmips
