#include "score_table.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>
#include <numeric>

#include <deneb/random.h>

namespace deneb::emq {
namespace {

using torch::Tensor;

Tensor pattern(std::int64_t factor, std::int64_t offset, std::int64_t modulus, std::int64_t shift,
               double divisor, torch::IntArrayRef shape) {
  std::int64_t n = 1;
  for (const auto s : shape) n *= s;
  const auto k = torch::arange(n, torch::kInt64);
  return (((k * factor + offset) % modulus - shift).to(torch::kFloat64) / divisor).reshape(shape);
}

// The statistics of two convolutions of a tiny network whose weights are a formula (float64).
struct Statistics {
  Tensor weight[2], act[2], grad[2], virtual_grad[2];
};

Statistics tiny_statistics() {
  Tensor conv1 = pattern(7, 3, 11, 5, 10, {2, 1, 3, 3}).requires_grad_();
  Tensor conv2 = pattern(5, 1, 13, 6, 10, {2, 2, 3, 3}).requires_grad_();
  const Tensor fc = pattern(3, 1, 7, 3, 5, {3, 2});
  const Tensor bias = torch::tensor({0.1, -0.1, 0.0}, torch::kFloat64);
  const Tensor input = pattern(5, 2, 9, 4, 4, {2, 1, 4, 4});
  const Tensor labels = torch::tensor({0, 2}, torch::kInt64);
  Statistics s;
  const auto forward = [&](const Tensor& x, bool keep) {
    const Tensor a = torch::conv2d(x, conv1, {}, 1, 1);
    const Tensor b = torch::conv2d(torch::relu(a), conv2, {}, 1, 1);
    if (keep) {
      s.act[0] = a.detach();
      s.act[1] = b.detach();
    }
    return torch::linear(torch::relu(b).mean({2, 3}), fc, bias);
  };
  const Tensor loss = torch::cross_entropy_loss(forward(input, true), labels);
  EXPECT_NEAR(loss.item<double>(), 1.0370451, 1e-7);
  const auto grads = torch::autograd::grad({loss}, {conv1, conv2});
  const auto ones =
      torch::autograd::grad({forward(torch::ones_like(input), false).sum()}, {conv1, conv2});
  for (int i = 0; i < 2; ++i) {
    s.weight[i] = (i == 0 ? conv1 : conv2).detach();
    s.grad[i] = grads[std::size_t(i)];
    s.virtual_grad[i] = ones[std::size_t(i)];
  }
  return s;
}

// The authors' lists of gradients begin with the last layer.
Inputs tiny_inputs(Semantics semantics) {
  const Statistics s = tiny_statistics();
  const auto list = [](const Tensor(&t)[2], bool reversed) {
    return reversed ? std::vector<Tensor>{t[1], t[0]} : std::vector<Tensor>{t[0], t[1]};
  };
  const bool reversed = semantics == Semantics::kCompat;
  Inputs inputs(2, {2, 3, 4});
  inputs.add("act", list(s.act, false));
  inputs.add("weight", list(s.weight, false));
  inputs.add("grad", list(s.grad, reversed));
  inputs.add("virtual_grad", list(s.virtual_grad, reversed));
  return inputs;
}

std::vector<std::string> names(const std::vector<int>& ids) {
  std::vector<std::string> names;
  for (const int id : ids) names.push_back(unary_operators()[std::size_t(id)].name);
  return names;
}

Genotype tree(const std::string& a, const std::string& b, const std::vector<int>& x,
              const std::vector<int>& y, int binary) {
  return {Structure::kTree,
          {a, b},
          {names(x), names(y)},
          binary_operators()[std::size_t(binary)].name,
          Semantics::kClean};
}

Genotype graph(const std::string& a, const std::string& b,
               const std::vector<std::vector<int>>& ids) {
  Genotype g{Structure::kGraph, {a, b}, {}, "", Semantics::kClean};
  for (const auto& node : ids) g.unary.push_back(names(node));
  return g;
}

// `bits`: 2, 3 or 4 of both layers. NaN = rejected.
double score(Genotype genotype, Semantics semantics, const std::vector<int>& bits) {
  genotype.semantics = semantics;
  const std::vector<int> choice = {bits[0] - 2, bits[1] - 2};
  Tabulator tabulator(tiny_inputs(semantics));
  const Tabulation found = tabulator.tabulate(genotype);
  const auto direct = score_of_policy(tabulator.inputs(), genotype, choice);
  EXPECT_EQ(found.table.has_value(), direct.has_value());
  EXPECT_EQ(found.table.has_value(), found.rejected.empty());
  if (!found.table) return std::nan("");
  EXPECT_EQ(found.table->score(choice), *direct);
  return *direct;
}

struct Oracle {
  Genotype genotype;
  std::vector<int> bits;
  double compat, clean;
};

TEST(ScoreTable, GivesTheNumbersOfTheReference) {
  const double nan = std::nan("");
  const auto published = tree("virtual_grad", "weight", {1, 11}, {6, 14}, 2);
  const auto second = tree("weight", "weight", {14, 6}, {4, 2}, 1);
  const auto third = tree("weight", "weight", {2, 14}, {4, 14}, 0);
  const auto data = tree("grad", "act", {2, 10}, {6, 9}, 0);
  const Genotype chain{
      Structure::kLinear, {"grad"}, {names({2, 14, 19, 10})}, "", Semantics::kClean};
  const std::vector<std::vector<int>> nodes = {{2, 3}, {14, 6, 12}, {16, 12, 10, 13}};
  const std::vector<std::vector<int>> aliases = {{19, 2}, {3, 6, 19}, {2, 2, 19, 16}};
  const std::vector<Oracle> oracles = {
      {published, {4, 2}, 0.2075585956, 0.2075585956},
      {published, {2, 4}, 0.2089442118, 0.2089442118},
      {published, {4, 4}, 0.2439816958, 0.2439816958},
      {published, {2, 2}, 0.1725211116, 0.1725211116},
      {second, {4, 2}, -1.2640780201, -1.2640780201},
      {second, {2, 4}, -1.3779150632, -1.3779150632},
      {third, {4, 2}, 1.9865756923, 1.9865756923},
      {third, {2, 4}, 2.0134377999, 2.0134377999},
      {data, {4, 2}, 0.5363613246, 0.5361555803},
      {data, {2, 4}, 0.4163899553, 0.4165956996},
      {chain, {4, 2}, 0.1507025803, 0.1519034708},
      {graph("weight", "weight", nodes), {4, 2}, 1.7870485333, 1.8639775457},
      {graph("weight", "weight", aliases), {4, 2}, 2.3878235345, 2.0368750735},
      {graph("weight", "grad", nodes), {4, 2}, nan, 1.0291566324}};
  for (std::size_t i = 0; i < oracles.size(); ++i) {
    const Oracle& o = oracles[i];
    EXPECT_NEAR(score(o.genotype, Semantics::kClean, o.bits), o.clean, 1e-9) << "clean " << i;
    const double compat = score(o.genotype, Semantics::kCompat, o.bits);
    if (std::isnan(o.compat)) {
      EXPECT_TRUE(std::isnan(compat)) << "compat " << i;
    } else {
      EXPECT_NEAR(compat, o.compat, 1e-9) << "compat " << i;
    }
  }
}

TEST(ScoreTable, ThePublishedProxyIsAMomentOfTheWeights) {
  const Statistics s = tiny_statistics();
  Tabulator tabulator(tiny_inputs(Semantics::kClean));
  const auto table = tabulator.tabulate(published_genotype()).table;
  ASSERT_TRUE(table);
  for (std::size_t l = 0; l < 2; ++l) {
    const double moment = torch::sqrt(torch::relu(s.weight[l])).mean().item<double>();
    for (const int b : {2, 3, 4}) {
      EXPECT_NEAR(table->shares[l][std::size_t(b - 2)],
                  std::sqrt(double(b)) * moment / double(s.weight[l].size(0)), 1e-12);
    }
  }
}

Inputs random_inputs(std::size_t layers) {
  torch::manual_seed(5);
  Inputs inputs(layers, {2, 3, 4});
  for (const char* name : {"weight", "grad"}) {
    std::vector<Tensor> tensors;
    for (std::size_t l = 0; l < layers; ++l) {
      tensors.push_back(torch::randn({3, 2 + std::int64_t(l), 3, 3}, torch::kFloat64));
    }
    inputs.add(name, tensors);
  }
  std::vector<std::vector<Tensor>> errors;
  for (std::size_t l = 0; l < layers; ++l) {
    errors.emplace_back();
    for (int b = 2; b <= 4; ++b) {
      errors.back().push_back(torch::rand({3, 2 + std::int64_t(l), 3, 3}, torch::kFloat64) / b);
    }
  }
  inputs.add_by_width("weight_error", errors);
  return inputs;
}

std::vector<std::string> plain_unary() {
  std::vector<std::string> names;
  for (const auto& op : unary_operators()) {
    if (op.share > 0) names.push_back(op.name);
  }
  return names;
}
std::vector<std::string> plain_binary() {
  std::vector<std::string> names;
  for (const auto& op : binary_operators()) {
    if (op.share > 0) names.push_back(op.name);
  }
  return names;
}

// No operator mixes the widths of layers: tables tell the score of any policy.
TEST(ScoreTable, ScoresAddUpOverLayers) {
  for (const Semantics semantics : {Semantics::kClean, Semantics::kCompat}) {
    for (const Structure structure : {Structure::kLinear, Structure::kTree, Structure::kGraph}) {
      const GenePool pool = make_gene_pool(structure, semantics, {"weight", "grad", "weight_error"},
                                           plain_unary(), plain_binary(), true);
      Tabulator tabulator(random_inputs(3));
      std::mt19937_64 rng(8);
      int valid = 0;
      for (int i = 0; i < 60; ++i) {
        const Genotype genotype = draw(pool, rng);
        const auto found = tabulator.tabulate(genotype);
        if (!found.table) continue;
        ++valid;
        for (const std::vector<int>& choice : {std::vector<int>{0, 1, 2}, {2, 0, 1}, {1, 1, 0}}) {
          const auto direct = score_of_policy(tabulator.inputs(), genotype, choice);
          ASSERT_TRUE(direct);
          EXPECT_EQ(*direct, found.table->score(choice)) << text_of(genotype);
        }
      }
      EXPECT_GT(valid, structure == Structure::kGraph ? 3 : 15) << text_of(structure);
    }
  }
}

TEST(ScoreTable, OperatorsThatLookAtOtherLayers) {
  Tabulator tabulator(random_inputs(3));
  const auto table = [&](const std::vector<std::string>& chain) {
    return tabulator
        .tabulate({Structure::kLinear, {"weight_error"}, {chain}, "", Semantics::kClean})
        .table->shares;
  };
  const auto plain = table({"abs"});
  const auto placed = table({"position_weight"});
  const auto by_layer = table({"layer_normalize"});
  const auto by_network = table({"network_normalize"});
  double total = 0;
  for (const auto& row : plain) total += std::accumulate(row.begin(), row.end(), 0.0) / 9;
  for (std::size_t l = 0; l < 3; ++l) {
    const double mean = std::accumulate(plain[l].begin(), plain[l].end(), 0.0) / 3;
    for (std::size_t w = 0; w < 3; ++w) {
      EXPECT_NEAR(placed[l][w], plain[l][w] * double(l + 1) / 3, 1e-12);
      EXPECT_NEAR(by_layer[l][w], plain[l][w] / mean, 1e-12);
      EXPECT_NEAR(by_network[l][w], plain[l][w] / total, 1e-12);
    }
  }
  // Twice, and in graphs, where the second waits for the first.
  const auto twice = table({"layer_normalize", "pow", "network_normalize"});
  const auto once = table({"layer_normalize", "pow"});
  double mean = 0;
  for (const auto& row : once) mean += std::accumulate(row.begin(), row.end(), 0.0) / 9;
  EXPECT_NEAR(twice[1][2], once[1][2] / mean, 1e-12);
  const Genotype nodes{Structure::kGraph,
                       {"weight_error", "weight_error"},
                       {{"layer_normalize", "network_normalize"}},
                       "",
                       Semantics::kClean};
  const auto graph = tabulator.tabulate(nodes).table->shares;
  EXPECT_NEAR(graph[2][0], by_layer[2][0] + by_network[2][0], 1e-12);
}

TEST(ScoreTable, RejectsEarlyAndSaysWhy) {
  Tabulator tabulator(random_inputs(2));
  const auto rejected = [&](const Genotype& g) { return tabulator.tabulate(g).rejected; };
  const auto linear = [](const std::vector<std::string>& chain, Semantics semantics) {
    return Genotype{Structure::kLinear, {"weight"}, {chain}, "", semantics};
  };
  EXPECT_EQ(rejected(linear({"log"}, Semantics::kCompat)), "not_finite");
  EXPECT_EQ(rejected(linear({"log"}, Semantics::kClean)), "");
  EXPECT_EQ(rejected(linear({"slogdet", "pdist"}, Semantics::kClean)), "");
  EXPECT_EQ(rejected(linear({"to_mean_scalar", "slogdet"}, Semantics::kClean)), "shape");
  auto tree = published_genotype();
  tree.inputs = {"weight", "grad"};
  EXPECT_EQ(rejected(tree), "");
  tree.binary = "matrix_multiplication";
  EXPECT_EQ(rejected(tree), "shape");
  tree.inputs[0] = "hessian_trace";
  tree.binary = "sum";
  EXPECT_THROW(tabulator.tabulate(tree), RunError);
}

}  // namespace
}  // namespace deneb::emq
