#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

/// What evolved proxies are made of (Dong et al. 2023, EMQ, arXiv 2307.10554): functions of one
/// tensor and of two, by name.
namespace deneb::emq {

/// clean: functions that leave their argument alone and stay finite on any finite one. compat: as
/// the authors' code computes, with what goes wrong there (see the README).
enum class Semantics { kClean, kCompat };
/// "clean" or "compat".
std::string text_of(Semantics semantics);
/// ConfigError that begins with `where`.
Semantics parse_semantics(const std::string& text, const std::string& where);

/// A function of the tensor of one layer.
struct UnaryOperator {
  enum class Result {
    kTensor,      ///< of the argument's shape
    kScalar,      ///< one number
    kOtherShape,  ///< neither
  };
  /// What it looks at besides the tensor itself. All but kNothing mix layers or widths, and still
  /// leave a layer's share of a score alone with its own width: what they look at is the same for
  /// all policies.
  enum class Context {
    kNothing,
    kPlace,    ///< which layer of how many
    kLayer,    ///< mean magnitude of this layer's tensors of all widths
    kNetwork,  ///< mean magnitude of all layers' tensors of all widths
  };
  std::string name;
  std::string formula;  ///< `#` stands for the argument
  double share = 0;     ///< of draws of the paper's set; 0 = not in it
  Result result = Result::kTensor;
  Context context = Context::kNothing;
  /// The value is never negative.
  bool non_negative = false;
  /// The value does not depend on the argument's sign.
  bool even = false;
  /// Only for Context::kNothing. c10::Error for a shape that it cannot take. With kCompat some
  /// write over their argument, as there.
  at::Tensor (*apply)(const at::Tensor& x, Semantics semantics) = nullptr;
};

/// A function of two tensors.
struct BinaryOperator {
  std::string name;
  std::string formula;  ///< `#` and `@` stand for the arguments
  double share = 0;     ///< of draws of the paper's set; 0 = not in it
  bool commutes = false;
  /// c10::Error for shapes that do not fit.
  at::Tensor (*apply)(const at::Tensor& a, const at::Tensor& b, Semantics semantics) = nullptr;
  /// Of two numbers, as in trees; nullptr where it takes rows or matrices only.
  double (*of_numbers)(double a, double b) = nullptr;
};

/// All that there are: the paper's in the order of its code, then the others.
const std::vector<UnaryOperator>& unary_operators();
const std::vector<BinaryOperator>& binary_operators();
/// By name; ConfigError that begins with `where` and names the nearest one.
const UnaryOperator& find_unary(const std::string& name, const std::string& where);
const BinaryOperator& find_binary(const std::string& name, const std::string& where);

}  // namespace deneb::emq
