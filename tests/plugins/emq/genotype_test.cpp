#include "genotype.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <map>
#include <set>

#include <deneb/errors.h>

#include "rank_statistics.h"
#include "score_table.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> unary_names(bool all) {
  std::vector<std::string> names;
  for (const auto& op : unary_operators()) {
    if (all || op.share > 0) names.push_back(op.name);
  }
  return names;
}
std::vector<std::string> binary_names() {
  std::vector<std::string> names;
  for (const auto& op : binary_operators()) {
    if (op.share > 0) names.push_back(op.name);
  }
  return names;
}

GenePool pool_of(Structure structure) {
  return make_gene_pool(structure, Semantics::kClean, {"act", "grad", "virtual_grad", "weight"},
                        unary_names(false), binary_names(), true);
}

TEST(Genotype, IsTextByNames) {
  const std::string text =
      R"({"type":"tree","inputs":["virtual_grad","weight"],"unary":[["abslog","softmax"],)"
      R"(["relu","sqrt"]],"binary":"product","semantics":"clean"})";
  EXPECT_EQ(text_of(published_genotype()), text);
  for (const char* json :
       {text.c_str(),
        R"({"type":"linear","inputs":["grad"],"unary":["abs","no_op"],"semantics":"compat"})",
        R"({"type":"graph","inputs":["a","b"],"edges":[["abs","log"],["exp","abs","log"]],)"
        R"("semantics":"clean"})"}) {
    const auto document = nlohmann::ordered_json::parse(json);
    EXPECT_EQ(text_of(genotype_from_json(document, "g")), json);
  }
}

TEST(Genotype, SaysWhatIsWrongWithIt) {
  const auto message = [](const char* json) -> std::string {
    try {
      genotype_from_json(nlohmann::ordered_json::parse(json), "f.json: genotype");
    } catch (const DataError& e) {
      return e.what();
    }
    return "nothing";
  };
  EXPECT_THAT(message("3"), HasSubstr("f.json: genotype: is no JSON object"));
  EXPECT_THAT(message(R"({"type":"line"})"), HasSubstr("expected linear, tree or graph"));
  EXPECT_THAT(message(R"({"type":"linear","inputs":["a","b"],"unary":[]})"),
              HasSubstr("genotype.inputs: has 2 inputs, expected 1"));
  EXPECT_THAT(message(R"({"type":"linear","inputs":["a"],"unary":["absolute"]})"),
              HasSubstr("'absolute' is no operator"));
  EXPECT_THAT(message(R"({"type":"graph","inputs":["a","b"],"edges":[["abs"]]})"),
              HasSubstr("edges[0]: has 1 edges, expected 2"));
  EXPECT_THAT(message(R"({"type":"tree","inputs":["a","b"],"unary":[[],[]]})"),
              HasSubstr("has no key 'binary'"));
  EXPECT_THAT(message(R"({"type":"tree","inputs":["a","b"],"unary":[[]],"binary":"sum"})"),
              HasSubstr("has 1 chains, expected 2"));
}

TEST(Genotype, Formulas) {
  EXPECT_EQ(formula_of(published_genotype()),
            "1/L sum_l [ (mean(softmax(ln|b V|))) (mean(sqrt(relu(b W)))) ]");
  EXPECT_EQ(formula_of({Structure::kLinear, {"grad"}, {{"abs", "l1_norm"}}, "", {}}),
            "1/L sum_l [ mean(sum||b G||/n) ]");
  EXPECT_EQ(formula_of({Structure::kGraph,
                        {"weight", "act"},
                        {{"abs", "exp"}, {"no_op", "relu", "sqrt"}},
                        "",
                        {}}),
            "1/L sum_l (mean(n1) + mean(n2))/2 with n1 = |b W| + exp(b A), n2 = b W + relu(b A) + "
            "sqrt(n1)");
}

TEST(Genotype, CanonicalFormOfChains) {
  const auto simplified = [](std::vector<std::string> chain) {
    return canonical({Structure::kLinear, {"grad"}, {std::move(chain)}, "", {}}).unary[0];
  };
  using Chain = std::vector<std::string>;
  EXPECT_EQ(simplified({"no_op", "exp", "no_op", "abs"}), Chain({"exp"}));
  EXPECT_EQ(simplified({"revert", "pow", "relu", "relu"}), Chain({"pow"}));
  EXPECT_EQ(simplified({"revert", "no_op", "revert", "log"}), Chain({"log"}));
  EXPECT_EQ(simplified({"l1_norm"}), Chain({"abs"}));
  EXPECT_EQ(simplified({"frobenius_norm", "l1_norm", "normalized_sum"}), Chain({"frobenius_norm"}));
  EXPECT_EQ(simplified({"to_mean_scalar", "exp"}), Chain({"to_mean_scalar", "exp"}));
  auto tree = published_genotype();
  std::swap(tree.inputs[0], tree.inputs[1]);
  std::swap(tree.unary[0], tree.unary[1]);
  EXPECT_EQ(text_of(canonical(tree)), text_of(canonical(published_genotype())));
  tree.binary = "difference";
  EXPECT_EQ(text_of(canonical(tree)), text_of(tree));
}

// Whatever is rewritten ranks policies as before.
TEST(Genotype, CanonicalFormRanksAlike) {
  torch::manual_seed(4);
  Inputs inputs(3, {2, 3, 4});
  for (const char* name : {"act", "grad", "virtual_grad", "weight"}) {
    std::vector<at::Tensor> tensors;
    for (int l = 0; l < 3; ++l) tensors.push_back(torch::randn({4, 3, 3, 2 + l}, torch::kFloat64));
    inputs.add(name, tensors);
  }
  Tabulator tabulator(inputs);
  std::mt19937_64 rng(9);
  int rewritten = 0;
  for (const Structure structure : {Structure::kLinear, Structure::kTree}) {
    const GenePool pool =
        make_gene_pool(structure, Semantics::kClean, {"act", "grad", "virtual_grad", "weight"},
                       unary_names(true), binary_names(), false);
    for (int i = 0; i < 300; ++i) {
      const Genotype genotype = draw(pool, rng), simple = canonical(genotype);
      if (text_of(simple) == text_of(genotype)) continue;
      const auto before = tabulator.tabulate(genotype), after = tabulator.tabulate(simple);
      ASSERT_EQ(before.rejected, after.rejected) << text_of(genotype);
      if (!before.table) continue;
      ++rewritten;
      // Sums of differently written tables round differently where they are equal.
      Values a, b;
      for (int code = 0; code < 27; ++code) {
        const std::vector<int> choice = {code / 9, code / 3 % 3, code % 3};
        a.push_back(before.table->score(choice));
        b.push_back(after.table->score(choice));
      }
      const auto rho = spearman(a, b);
      EXPECT_TRUE(rank_hash(a, 6) == rank_hash(b, 6) || (rho && *rho > 0.9))
          << text_of(genotype) << "\n"
          << text_of(simple);
      EXPECT_EQ(text_of(canonical(simple)), text_of(simple));
    }
  }
  EXPECT_GT(rewritten, 50);
}

TEST(Genotype, DrawsByShares) {
  std::mt19937_64 rng(1);
  std::map<std::string, int> unary, binary, inputs;
  const GenePool pool = pool_of(Structure::kTree);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const Genotype g = draw(pool, rng);
    ++unary[g.unary[0][0]];
    ++binary[g.binary];
    ++inputs[g.inputs[1]];
  }
  EXPECT_NEAR(unary["no_op"] / double(kDraws), 0.2 / 2.1, 0.01);
  EXPECT_NEAR(unary["log"] / double(kDraws), 0.1 / 2.1, 0.01);
  EXPECT_NEAR(binary["sum"] / double(kDraws), 0.6, 0.02);
  EXPECT_NEAR(binary["difference"] / double(kDraws), 0.3, 0.02);
  EXPECT_NEAR(inputs["act"] / double(kDraws), 0.25, 0.02);
  EXPECT_EQ(unary.size(), 20u);
}

TEST(Genotype, ChildrenHaveGenesOfTheirParents) {
  std::mt19937_64 rng(2);
  for (const Structure structure : {Structure::kLinear, Structure::kTree, Structure::kGraph}) {
    const GenePool pool = pool_of(structure);
    std::set<std::string> children;
    for (int i = 0; i < 50; ++i) {
      const Genotype a = draw(pool, rng), b = draw(pool, rng);
      const std::string before = text_of(a) + text_of(b);
      const Genotype child = cross(a, b, rng);
      const Genotype mutant = mutate(a, pool, rng);
      EXPECT_EQ(text_of(a) + text_of(b), before);  // parents stay
      for (std::size_t c = 0; c < child.unary.size(); ++c) {
        for (std::size_t i2 = 0; i2 < child.unary[c].size(); ++i2) {
          EXPECT_TRUE(child.unary[c][i2] == a.unary[c][i2] || child.unary[c][i2] == b.unary[c][i2]);
        }
      }
      // The document of a child is read like any other.
      EXPECT_EQ(text_of(genotype_from_json(to_json(mutant), "m")), text_of(mutant));
      children.insert(text_of(child));
      children.insert(text_of(mutant));
      if (structure == Structure::kGraph) {
        EXPECT_EQ(child.inputs[0], a.inputs[0]);
        EXPECT_EQ(child.inputs[1], b.inputs[1]);
        EXPECT_EQ(mutant.inputs[0], a.inputs[0]);
      }
      if (structure == Structure::kLinear) {
        EXPECT_EQ(child.inputs, b.inputs);
      }
    }
    EXPECT_GT(children.size(), 80u) << text_of(structure);
  }
}

}  // namespace
}  // namespace deneb::emq
