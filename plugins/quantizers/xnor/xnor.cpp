#include <torch/csrc/autograd/custom_function.h>

#include <deneb/plugin/plugin.h>

#include "../common/binary_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Mean magnitude of each filter (row of dimension 0), shaped to multiply with w.
Tensor filter_scale(const Tensor& w) {
  if (w.dim() < 2) return w.abs().mean();
  std::vector<std::int64_t> shape(static_cast<std::size_t>(w.dim()), 1);
  shape[0] = w.size(0);
  return w.abs().flatten(1).mean(1).view(shape);
}

// sign(w) a, a = mean|w| of the filter. Rastegari et al. 2016 (arXiv 1603.05279), section 3.1,
// backward: g (1/n + a [|w| <= 1]), n = weights of a filter.
class XnorWeight final : public torch::autograd::Function<XnorWeight> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& w) {
    ctx->save_for_backward({w});
    return deneb::quantizers::one_bit_sign(w).mul_(filter_scale(w));
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor w = ctx->get_saved_variables()[0];
    const double n = double(w.numel()) / (w.dim() < 2 ? 1.0 : double(w.size(0)));
    return {w.abs().le(1).to(w.scalar_type()).mul_(filter_scale(w)).add_(1 / n).mul_(gradients[0])};
  }
};

// sign(x); gradient 1 for |x| <= 1, else 0.
class XnorActivation final : public torch::autograd::Function<XnorActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, bool is_signed) {
    ctx->save_for_backward({x});
    return is_signed ? deneb::quantizers::one_bit_sign(x) : deneb::quantizers::is_above_zero(x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor x = ctx->get_saved_variables()[0];
    return {gradients[0].masked_fill(x.abs().gt(1), 0), Tensor()};
  }
};

class Xnor final : public deneb::quantizers::BinaryQuantizer {
 public:
  using Options = deneb::NoOptions;
  explicit Xnor(const Options&) : BinaryQuantizer("XNOR") {}

 protected:
  Tensor weight(const Tensor& w) override { return XnorWeight::apply(w); }
  Tensor activation(const Tensor& x, bool is_signed) override {
    return XnorActivation::apply(x, is_signed);
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Xnor>(
      "XNOR", "signs, weights times the mean magnitude of their filter (Rastegari et al. 2016)");
}

}  // namespace

DENEB_PLUGIN("xnor", "0.1.0", "XNOR quantizer", register_all);
