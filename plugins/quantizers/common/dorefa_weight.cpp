#include "dorefa_weight.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "sign.h"

namespace deneb::quantizers {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Normalized {
  Tensor t, magnitude, max, divisor;
};

Normalized normalize(const Tensor& w) {
  Normalized n;
  n.t = w.tanh();
  n.magnitude = n.t.abs();
  n.max = n.magnitude.max();
  // Differs from DoReFa-Net: an all-zero tensor would divide by zero.
  n.divisor = n.max.masked_fill(n.max == 0, 1);
  return n;
}

class DorefaWeight final : public torch::autograd::Function<DorefaWeight> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& w, int bits) {
    ctx->save_for_backward({w});
    ctx->saved_data["bits"] = bits;
    if (bits == 1) return one_bit_sign(w).mul_(w.abs().mean());
    const double n = std::exp2(bits) - 1;
    const Normalized p = normalize(w);
    return p.t.div(p.divisor * 2).add_(0.5).mul_(n).round_().div_(n).mul_(2).sub_(1);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor& g = gradients[0];
    if (ctx->saved_data["bits"].toInt() == 1) return {g, Tensor()};
    // With Q as the identity w_q = t / m: d/dt_i = g_i / m, d/dm = -sum(g t) / m^2.
    const Tensor w = ctx->get_saved_variables()[0];
    const Normalized p = normalize(w);
    const Tensor at_max = p.magnitude == p.max;
    const Tensor share = (g * p.t).sum().neg() / (p.divisor * p.divisor * at_max.sum());
    const Tensor dt = (g / p.divisor).add_(p.t.sign().mul_(share).mul_(at_max));
    return {dt * (1 - p.t * p.t), Tensor()};
  }
};

}  // namespace

Tensor dorefa_weight(const Tensor& w, int bits) {
  TORCH_CHECK(w.is_floating_point(), "DoReFa needs a float tensor, got ", w.scalar_type());
  if (w.numel() == 0) return w.clone();
  return DorefaWeight::apply(w, bits);
}

}  // namespace deneb::quantizers
