#include "operators.h"

#include <torch/types.h>

#include <cmath>

#include <deneb/errors.h>
#include <deneb/options/config.h>

namespace deneb::emq {
namespace {

using at::Tensor;
using Result = UnaryOperator::Result;
using Context = UnaryOperator::Context;

constexpr double kTiny = 1e-9;

bool compat(Semantics semantics) { return semantics == Semantics::kCompat; }
double elements(const Tensor& x) { return double(x.numel()); }

Tensor log_of(const Tensor& x, Semantics semantics) {
  if (compat(semantics)) return at::log(x + kTiny);
  return at::log(at::where(x > 0, x, at::ones_like(x)));
}

// The authors' code writes ones into its argument.
Tensor abslog(const Tensor& x, Semantics semantics) {
  if (!compat(semantics)) return at::log(at::abs(x.masked_fill(x == 0, 1)));
  Tensor there = x;
  return at::log(at::abs(there.masked_fill_(there == 0, 1)));
}

Tensor exp_of(const Tensor& x, Semantics semantics) {
  return compat(semantics) ? at::exp(x) : at::exp(at::clamp(x, -80, 80));
}

Tensor normalize(const Tensor& x, Semantics semantics) {
  const Tensor y = (x - x.mean()) / x.std();
  if (compat(semantics)) return y.masked_fill(at::isnan(y), 0);
  return y.masked_fill(at::logical_not(at::isfinite(y)), 0);
}

Tensor invert(const Tensor& x, Semantics semantics) {
  if (compat(semantics)) return 1 / (x + kTiny);
  const Tensor sign = at::where(x < 0, -at::ones_like(x), at::ones_like(x));
  return sign / at::clamp_min(at::abs(x), kTiny);
}

// Over dimension 0: output channels of weights, samples of activations.
Tensor softmax_of(const Tensor& x, Semantics) { return at::softmax(x, 0); }
Tensor logsoftmax(const Tensor& x, Semantics) { return at::log_softmax(x, 0); }

// The authors' code writes zeros into its argument.
Tensor sqrt_of(const Tensor& x, Semantics semantics) {
  if (!compat(semantics)) return at::sqrt(x.masked_fill(x <= 0, 0));
  Tensor there = x;
  return at::sqrt(there.masked_fill_(there <= 0, 0));
}

Tensor min_max_normalize(const Tensor& x, Semantics) {
  const Tensor least = x.min();
  return (x - least) / (x.max() - least + kTiny);
}

Tensor to_std_scalar(const Tensor& x, Semantics semantics) {
  if (!compat(semantics) && x.numel() == 1) return at::zeros({}, x.options());
  return x.std();
}

Tensor gram_matrix(const Tensor& x, Semantics) {
  TORCH_CHECK(x.dim() == 4, "gram_matrix takes four dimensions, not ", x.dim());
  const Tensor rows = x.reshape({x.size(0) * x.size(1), -1});
  return at::matmul(rows, rows.t()) / elements(x);
}

Tensor row_distance(const Tensor& a, const Tensor& b) { return at::norm(a - b + 1e-6, 2, {-1}); }

Tensor pdist(const Tensor& x, Semantics) {
  TORCH_CHECK(x.dim() >= 1, "pdist takes rows");
  return at::pdist(x.flatten(1));
}

Tensor slogdet(const Tensor& x, Semantics semantics) {
  TORCH_CHECK(x.dim() >= 2 && x.size(-1) == x.size(-2), "slogdet takes square matrices");
  const Tensor value = std::get<1>(at::linalg_slogdet(x));
  return compat(semantics) ? value : value.masked_fill(at::logical_not(at::isfinite(value)), 0);
}

Tensor to_var_scalar(const Tensor& x, Semantics semantics) {
  if (!compat(semantics) && x.numel() == 1) return at::zeros({}, x.options());
  return x.var();
}

std::vector<UnaryOperator> make_unary() {
  std::vector<UnaryOperator> all = {
      {"log", "ln(#)", 0.1, Result::kTensor, Context::kNothing, false, false, log_of},
      {"abslog", "ln|#|", 0.1, Result::kTensor, Context::kNothing, false, true, abslog},
      {"abs", "|#|", 0.1, Result::kTensor, Context::kNothing, true, true,
       [](const Tensor& x, Semantics) { return at::abs(x); }},
      {"pow", "(#)^2", 0.1, Result::kTensor, Context::kNothing, true, true,
       [](const Tensor& x, Semantics) { return at::square(x); }},
      {"exp", "exp(#)", 0.1, Result::kTensor, Context::kNothing, true, false, exp_of},
      {"normalize", "standardize(#)", 0.1, Result::kTensor, Context::kNothing, false, false,
       normalize},
      {"relu", "relu(#)", 0.1, Result::kTensor, Context::kNothing, true, false,
       [](const Tensor& x, Semantics) { return at::relu(x); }},
      {"invert", "1/(#)", 0.1, Result::kTensor, Context::kNothing, false, false, invert},
      {"frobenius_norm", "||#||", 0.1, Result::kScalar, Context::kNothing, true, true,
       [](const Tensor& x, Semantics) { return at::sqrt(at::sum(at::square(x))); }},
      {"normalized_sum", "sum(#)/n", 0.1, Result::kScalar, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return at::sum(x) / (elements(x) + kTiny); }},
      {"l1_norm", "sum|#|/n", 0.1, Result::kScalar, Context::kNothing, true, true,
       [](const Tensor& x, Semantics) { return at::sum(at::abs(x)) / (elements(x) + kTiny); }},
      {"softmax", "softmax(#)", 0.1, Result::kTensor, Context::kNothing, true, false, softmax_of},
      {"sigmoid", "sigmoid(#)", 0.1, Result::kTensor, Context::kNothing, true, false,
       [](const Tensor& x, Semantics) { return at::sigmoid(x); }},
      {"logsoftmax", "ln softmax(#)", 0.1, Result::kTensor, Context::kNothing, false, false,
       logsoftmax},
      {"sqrt", "sqrt(#)", 0.1, Result::kTensor, Context::kNothing, true, false, sqrt_of},
      {"revert", "-(#)", 0.1, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return at::neg(x); }},
      {"min_max_normalize", "minmax(#)", 0.1, Result::kTensor, Context::kNothing, true, false,
       min_max_normalize},
      {"to_mean_scalar", "mean(#)", 0.1, Result::kScalar, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x.mean(); }},
      {"to_std_scalar", "std(#)", 0.1, Result::kScalar, Context::kNothing, true, true,
       to_std_scalar},
      {"no_op", "#", 0.2, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x; }},
      // Implemented by the authors' code and not drawn there.
      {"sign", "sign(#)", 0, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return at::sign(x); }},
      {"mish", "mish(#)", 0, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x * at::tanh(at::softplus(x)); }},
      {"swish", "swish(#)", 0, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x * at::sigmoid(x); }},
      {"leaky_relu", "leaky_relu(#)", 0, Result::kTensor, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return at::leaky_relu(x, 0.1); }},
      {"pdist", "distances(#)", 0, Result::kOtherShape, Context::kNothing, true, true, pdist},
      {"slogdet", "ln|det(#)|", 0, Result::kOtherShape, Context::kNothing, false, false, slogdet},
      {"to_sum_scalar", "sum(#)", 0, Result::kScalar, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x.sum(); }},
      {"to_var_scalar", "var(#)", 0, Result::kScalar, Context::kNothing, true, true, to_var_scalar},
      {"to_min_scalar", "min(#)", 0, Result::kScalar, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x.min(); }},
      {"to_max_scalar", "max(#)", 0, Result::kScalar, Context::kNothing, false, false,
       [](const Tensor& x, Semantics) { return x.max(); }},
      {"gram_matrix", "gram(#)", 0, Result::kOtherShape, Context::kNothing, false, true,
       gram_matrix},
      // Beyond the paper.
      {"layer_normalize", "#/mean_b|#|", 0, Result::kTensor, Context::kLayer},
      {"network_normalize", "#/mean_lb|#|", 0, Result::kTensor, Context::kNetwork},
      {"position_weight", "(l/L) #", 0, Result::kTensor, Context::kPlace},
  };
  return all;
}

std::vector<BinaryOperator> make_binary() {
  return {
      {"sum", "# + @", 0.6, true, [](const Tensor& a, const Tensor& b, Semantics) { return a + b; },
       [](double a, double b) { return a + b; }},
      {"difference", "# - @", 0.3, false,
       [](const Tensor& a, const Tensor& b, Semantics) { return a - b; },
       [](double a, double b) { return a - b; }},
      {"product", "(#) (@)", 0.05, true,
       [](const Tensor& a, const Tensor& b, Semantics) { return a * b; },
       [](double a, double b) { return a * b; }},
      {"matrix_multiplication", "matmul(#, @)", 0.05, false,
       [](const Tensor& a, const Tensor& b, Semantics) { return at::matmul(a, b); }},
      // Implemented by the authors' code and not drawn there.
      {"mean", "(# + @)/2", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics) { return (a + b) / 2; },
       [](double a, double b) { return (a + b) / 2; }},
      {"lesser_than", "[# < @]", 0, false,
       [](const Tensor& a, const Tensor& b, Semantics) { return (a < b).to(a.scalar_type()); },
       [](double a, double b) { return double(a < b); }},
      {"greater_than", "[# > @]", 0, false,
       [](const Tensor& a, const Tensor& b, Semantics) { return (a > b).to(a.scalar_type()); },
       [](double a, double b) { return double(a > b); }},
      {"equal_to", "[# = @]", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics) { return (a == b).to(a.scalar_type()); },
       [](double a, double b) { return double(a == b); }},
      {"hamming_distance", "hamming(#, @)", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics) {
         return ((a > 0) != (b > 0)).sum().to(a.scalar_type());
       },
       [](double a, double b) { return double((a > 0) != (b > 0)); }},
      {"pairwise_distance", "distance(#, @)", 0, false,
       [](const Tensor& a, const Tensor& b, Semantics) { return row_distance(a, b); }},
      {"kl_divergence", "KL(@, exp #)", 0, false,
       [](const Tensor& a, const Tensor& b, Semantics) {
         TORCH_CHECK(a.dim() >= 1, "kl_divergence takes rows");
         return at::kl_div(a, b, at::Reduction::Sum) / double(a.size(0));
       }},
      {"cosine_similarity", "cos(#, @)", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics semantics) {
         TORCH_CHECK(a.dim() >= 1, "cosine_similarity takes rows");
         const Tensor rows = a.reshape({a.size(0), -1});
         // The authors' code compares the first argument with itself.
         const Tensor others = compat(semantics) ? rows : b.reshape({b.size(0), -1});
         return at::cosine_similarity(rows, others, 1, 1e-8).sum();
       }},
      {"mse_loss", "mean (# - @)^2", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics) { return at::mse_loss(a, b); },
       [](double a, double b) { return (a - b) * (a - b); }},
      {"l1_loss", "mean |# - @|", 0, true,
       [](const Tensor& a, const Tensor& b, Semantics) { return at::l1_loss(a, b); },
       [](double a, double b) { return std::fabs(a - b); }},
  };
}

template <class Operator>
const Operator& find(const std::vector<Operator>& all, const std::string& name,
                     const std::string& where) {
  std::vector<std::string> names;
  for (const Operator& op : all) {
    if (op.name == name) return op;
    names.push_back(op.name);
  }
  std::string text;
  for (const std::string& known : names) text += (text.empty() ? "" : ", ") + known;
  const std::string nearest = nearest_name(name, names);
  throw ConfigError(where + ": '" + name + "' is no operator" +
                    (nearest.empty() ? "; known are " + text
                                     : "; did you mean '" + nearest + "'? Known are " + text));
}

}  // namespace

std::string text_of(Semantics semantics) {
  return semantics == Semantics::kClean ? "clean" : "compat";
}

Semantics parse_semantics(const std::string& text, const std::string& where) {
  if (text == "clean") return Semantics::kClean;
  if (text == "compat") return Semantics::kCompat;
  throw ConfigError(where + ": is '" + text + "', expected clean or compat");
}

const std::vector<UnaryOperator>& unary_operators() {
  static const std::vector<UnaryOperator> all = make_unary();
  return all;
}

const std::vector<BinaryOperator>& binary_operators() {
  static const std::vector<BinaryOperator> all = make_binary();
  return all;
}

const UnaryOperator& find_unary(const std::string& name, const std::string& where) {
  return find(unary_operators(), name, where);
}

const BinaryOperator& find_binary(const std::string& name, const std::string& where) {
  return find(binary_operators(), name, where);
}

}  // namespace deneb::emq
