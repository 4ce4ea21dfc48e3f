#include "dorefa_activation.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "dorefa_kernel.h"
#include "site_quantizer.h"

namespace deneb::quantizers {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class DorefaActivation final : public torch::autograd::Function<DorefaActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, int bits, bool is_signed) {
    ctx->saved_data["signed"] = is_signed;
    const double n = std::exp2(bits) - 1;
    if (takes_kernel(x)) {
      const Tensor walked = dense(x);
      ctx->save_for_backward({walked});
      Tensor y = at::empty_like(walked);
      dorefa_forward(walked.data_ptr<float>(), y.data_ptr<float>(), walked.numel(), float(n),
                     is_signed);
      return y;
    }
    ctx->save_for_backward({x});
    if (!is_signed) return x.clamp(0, 1).mul_(n).round_().div_(n);
    return x.clamp(-1, 1).add_(1).mul_(n / 2).round_().mul_(2).sub_(n).div_(n);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const Tensor x = ctx->get_saved_variables()[0];
    const Tensor& g = gradients[0];
    const bool is_signed = ctx->saved_data["signed"].toBool();
    if (takes_kernel(x)) {
      const Tensor upstream = laid_out_as(g, x);
      Tensor dx = at::empty_like(x);
      dorefa_backward(x.data_ptr<float>(), upstream.data_ptr<float>(), dx.data_ptr<float>(),
                      x.numel(), is_signed);
      return {dx, Tensor(), Tensor()};
    }
    const Tensor inside = x.ge(is_signed ? -1 : 0).logical_and_(x.le(1));
    return {g.masked_fill(inside.logical_not_(), 0), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor dorefa_activation(const Tensor& x, int bits, bool is_signed) {
  TORCH_CHECK(x.is_floating_point(), "DoReFa needs a float tensor, got ", x.scalar_type());
  return DorefaActivation::apply(x, bits, is_signed);
}

}  // namespace deneb::quantizers
