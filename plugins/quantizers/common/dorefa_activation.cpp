#include "dorefa_activation.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

namespace deneb::quantizers {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class DorefaActivation final : public torch::autograd::Function<DorefaActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, int bits, bool is_signed) {
    ctx->save_for_backward({x});
    ctx->saved_data["low"] = is_signed ? -1.0 : 0.0;
    const double n = std::exp2(bits) - 1;
    if (!is_signed) return x.clamp(0, 1).mul_(n).round_().div_(n);
    return x.clamp(-1, 1).add_(1).mul_(n / 2).round_().mul_(2).sub_(n).div_(n);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor x = ctx->get_saved_variables()[0];
    const double low = ctx->saved_data["low"].toDouble();
    const Tensor inside = x.ge(low).logical_and_(x.le(1));
    return {gradients[0].masked_fill(inside.logical_not_(), 0), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor dorefa_activation(const Tensor& x, int bits, bool is_signed) {
  TORCH_CHECK(x.is_floating_point(), "DoReFa needs a float tensor, got ", x.scalar_type());
  return DorefaActivation::apply(x, bits, is_signed);
}

}  // namespace deneb::quantizers
