#include <torch/csrc/autograd/custom_function.h>

#include <deneb/plugin/plugin.h>

#include "../common/binary_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// sign(w) mean|w| over the tensor; the scale counts as a constant, the gradient is 1 for |w| <= 1,
// else 0.
class BirealWeight final : public torch::autograd::Function<BirealWeight> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& w) {
    ctx->save_for_backward({w});
    return deneb::quantizers::one_bit_sign(w).mul_(w.abs().mean());
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor w = ctx->get_saved_variables()[0];
    return {gradients[0].masked_fill(w.abs().le(1).logical_not_(), 0)};
  }
};

// sign(x). Liu et al. 2018 (arXiv 1808.00278), equation 7, backward: a polynomial approximates the
// sign, with the gradient 2 + 2x on [-1, 0), 2 - 2x on [0, 1] and 0 outside.
class BirealActivation final : public torch::autograd::Function<BirealActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, bool is_signed) {
    ctx->save_for_backward({x});
    return is_signed ? deneb::quantizers::one_bit_sign(x) : deneb::quantizers::is_above_zero(x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor x = ctx->get_saved_variables()[0];
    return {x.abs().mul_(-2).add_(2).clamp_min_(0).mul_(gradients[0]), Tensor()};
  }
};

class BiReal final : public deneb::quantizers::BinaryQuantizer {
 public:
  using Options = deneb::NoOptions;
  explicit BiReal(const Options&) : BinaryQuantizer("Bi-Real") {}

 protected:
  Tensor weight(const Tensor& w) override { return BirealWeight::apply(w); }
  Tensor activation(const Tensor& x, bool is_signed) override {
    return BirealActivation::apply(x, is_signed);
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, BiReal>(
      "BiReal", "signs with a polynomial gradient for activations (Liu et al. 2018)");
}

}  // namespace

DENEB_PLUGIN("bireal", "0.1.0", "Bi-Real quantizer", register_all);
