#include "operators.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include <cmath>

#include <deneb/errors.h>

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;

const double kNan = std::nan("");
const double kInf = HUGE_VAL;

torch::Tensor values(const std::vector<float>& v) { return torch::tensor(v); }

torch::Tensor apply(const std::string& name, const torch::Tensor& x,
                    Semantics semantics = Semantics::kCompat) {
  return find_unary(name, "test").apply(x.clone(), semantics);
}

void expect_near(const torch::Tensor& found, const std::vector<double>& expected,
                 const std::string& what) {
  const auto flat = found.to(torch::kFloat64).flatten();
  ASSERT_EQ(flat.numel(), std::int64_t(expected.size())) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double value = flat[std::int64_t(i)].item<double>();
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(value)) << what << " " << i;
    } else if (std::isinf(expected[i])) {
      EXPECT_EQ(value, expected[i]) << what << " " << i;
    } else {
      EXPECT_NEAR(value, expected[i], 6e-6 * std::max(1.0, std::fabs(expected[i])))
          << what << " " << i;
    }
  }
}

// Numbers of the reference code in float32.
TEST(Unary, GivesTheNumbersOfTheReference) {
  const auto x = values({-2, -0.5, 0, 0.5, 1, 3});
  const std::vector<std::pair<std::string, std::vector<double>>> expected = {
      {"log", {kNan, kNan, -20.7233, -0.693147, 0, 1.09861}},
      {"abslog", {0.693147, -0.693147, 0, -0.693147, 0, 1.09861}},
      {"abs", {2, .5, 0, .5, 1, 3}},
      {"pow", {4, .25, 0, .25, 1, 9}},
      {"exp", {0.135335, 0.606531, 1, 1.64872, 2.71828, 20.0855}},
      {"normalize", {-1.40281, -0.501003, -0.200401, 0.100201, 0.400802, 1.60321}},
      {"relu", {0, 0, 0, .5, 1, 3}},
      {"invert", {-0.5, -2, 1e9, 2, 1, 0.333333}},
      {"frobenius_norm", {3.80789}},
      {"normalized_sum", {0.333333}},
      {"l1_norm", {1.16667}},
      {"softmax", {0.00516657, 0.023155, 0.0381761, 0.0629417, 0.103773, 0.766787}},
      {"sigmoid", {0.119203, 0.377541, 0.5, 0.622459, 0.731059, 0.952574}},
      {"logsoftmax", {-5.26555, -3.76555, -3.26555, -2.76555, -2.26555, -0.265546}},
      {"sqrt", {0, 0, 0, 0.707107, 1, 1.73205}},
      {"revert", {2, .5, 0, -.5, -1, -3}},
      {"min_max_normalize", {0, .3, .4, .5, .6, 1}},
      {"to_mean_scalar", {0.333333}},
      {"to_std_scalar", {1.66333}},
      {"no_op", {-2, -0.5, 0, 0.5, 1, 3}}};
  ASSERT_EQ(expected.size(), 20u);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    // Numbers in published genotypes are places in this list.
    EXPECT_EQ(unary_operators()[i].name, expected[i].first);
    expect_near(apply(expected[i].first, x), expected[i].second, expected[i].first);
    if (expected[i].first == "log") continue;
    expect_near(apply(expected[i].first, x, Semantics::kClean), expected[i].second,
                expected[i].first + ", clean");
  }
}

TEST(Unary, EdgesOfTheReference) {
  expect_near(apply("exp", values({100})), {kInf}, "exp");
  expect_near(apply("normalize", values({2, 2, 2})), {0, 0, 0}, "normalize");
  expect_near(apply("normalize", values({2})), {0}, "normalize");
  expect_near(apply("min_max_normalize", values({2, 2})), {0, 0}, "min_max_normalize");
  expect_near(apply("to_std_scalar", values({2})), {kNan}, "to_std_scalar");
  const auto square = values({1, 2, 3, 5}).reshape({2, 2});
  expect_near(apply("softmax", square), {0.119203, 0.0474259, 0.880797, 0.952574}, "softmax");
  expect_near(apply("softmax", torch::tensor(3.0f)), {1}, "softmax of a number");
  const auto zeros = torch::zeros({3});
  expect_near(apply("log", zeros), {-20.7233, -20.7233, -20.7233}, "log");
  expect_near(apply("abslog", zeros), {0, 0, 0}, "abslog");
  expect_near(apply("invert", zeros), {1e9, 1e9, 1e9}, "invert");
  expect_near(apply("softmax", zeros), {1 / 3., 1 / 3., 1 / 3.}, "softmax");
  expect_near(apply("logsoftmax", zeros), {-1.09861, -1.09861, -1.09861}, "logsoftmax");
  expect_near(apply("sigmoid", zeros), {.5, .5, .5}, "sigmoid");
  expect_near(apply("normalize", zeros), {0, 0, 0}, "normalize");
  const auto gram = torch::arange(1, 9, torch::kFloat32).reshape({1, 2, 2, 2});
  expect_near(apply("gram_matrix", gram), {3.75, 8.75, 8.75, 21.75}, "gram_matrix");
}

TEST(Unary, CleanOnesStayFinite) {
  for (const auto& x : {values({-2, -1e-9f, 0, 1e-30f, 1e4f, 200}), values({3}), values({0, 0}),
                        torch::tensor(-7.0f)}) {
    for (const UnaryOperator& op : unary_operators()) {
      if (!op.apply || op.result == UnaryOperator::Result::kOtherShape) continue;
      const auto before = x.clone();
      const auto y = op.apply(x, Semantics::kClean);
      EXPECT_TRUE(torch::isfinite(y).all().item<bool>()) << op.name << "\n" << x << y;
      EXPECT_TRUE(torch::equal(x, before)) << op.name << " writes over its argument";
      if (op.non_negative) {
        EXPECT_TRUE((y >= 0).all().item<bool>()) << op.name;
      }
      if (op.even) {
        EXPECT_TRUE(torch::allclose(op.apply(-x, Semantics::kClean), y)) << op.name;
      }
      EXPECT_EQ(op.result == UnaryOperator::Result::kScalar ? 0 : x.dim(), y.dim()) << op.name;
    }
  }
}

TEST(Unary, ProtectedValues) {
  expect_near(apply("log", values({-2, 0, 2}), Semantics::kClean), {0, 0, 0.693147}, "log");
  expect_near(apply("exp", values({100}), Semantics::kClean), {std::exp(80.0)}, "exp");
  expect_near(apply("invert", values({-1e-12f, 0, 1e-12f}), Semantics::kClean), {-1e9, 1e9, 1e9},
              "invert");
  expect_near(apply("to_std_scalar", values({2}), Semantics::kClean), {0}, "to_std_scalar");
}

TEST(Binary, GivesTheNumbersOfTheReference) {
  const auto a = values({1, -2, 0, 3}), b = values({0.5, -2, 1, -1});
  const auto of = [&](const std::string& name, const torch::Tensor& x, const torch::Tensor& y,
                      Semantics s = Semantics::kClean) {
    return find_binary(name, "test").apply(x, y, s);
  };
  expect_near(of("sum", a, b), {1.5, -4, 1, 2}, "sum");
  expect_near(of("difference", a, b), {0.5, 0, -1, 4}, "difference");
  expect_near(of("product", a, b), {0.5, 4, 0, -3}, "product");
  expect_near(of("mean", a, b), {.75, -2, .5, 1}, "mean");
  expect_near(of("lesser_than", a, b), {0, 0, 1, 0}, "lesser_than");
  expect_near(of("greater_than", a, b), {1, 0, 0, 1}, "greater_than");
  expect_near(of("equal_to", a, b), {0, 1, 0, 0}, "equal_to");
  expect_near(of("hamming_distance", a, b), {2}, "hamming_distance");
  expect_near(of("mse_loss", a, b), {4.3125}, "mse_loss");
  expect_near(of("l1_loss", a, b), {1.375}, "l1_loss");
  // Of vectors the mean over the batch is one over their elements.
  expect_near(of("kl_divergence", torch::log_softmax(a, 0), torch::softmax(b, 0)), {0.419777},
              "kl_divergence");
  const auto A = values({1, 2, 3, 4}).reshape({2, 2});
  const auto B = values({.5, -1, 2, 1}).reshape({2, 2});
  expect_near(of("matrix_multiplication", A, B), {4.5, 1, 9.5, 1}, "matrix_multiplication");
  expect_near(of("pairwise_distance", A, B), {3.04138, 3.16228}, "pairwise_distance");
  expect_near(of("cosine_similarity", A, B, Semantics::kCompat), {2.0}, "cosine_similarity");
  expect_near(of("cosine_similarity", A, B), {0.294427}, "cosine_similarity");
  EXPECT_THROW(of("matrix_multiplication", torch::tensor(1.0f), torch::tensor(2.0f)), c10::Error);
}

TEST(Binary, OfNumbersIsTheSame) {
  for (const BinaryOperator& op : binary_operators()) {
    if (!op.of_numbers) continue;
    for (const auto& [a, b] : {std::pair(1.5, -2.0), {0.0, 0.0}, {-1.0, 3.0}, {2.0, 2.0}}) {
      const auto x = torch::tensor(a, torch::kFloat64), y = torch::tensor(b, torch::kFloat64);
      EXPECT_EQ(op.apply(x, y, Semantics::kClean).item<double>(), op.of_numbers(a, b)) << op.name;
      if (op.commutes) {
        EXPECT_EQ(op.of_numbers(a, b), op.of_numbers(b, a)) << op.name;
      }
    }
  }
}

TEST(Operators, UnknownNames) {
  try {
    find_unary("abslgo", "search_algorithm.unary");
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("search_algorithm.unary: 'abslgo' is no operator; did you "
                                    "mean 'abslog'?"));
  }
  EXPECT_THROW(find_binary("power", "x"), ConfigError);
}

}  // namespace
}  // namespace deneb::emq
