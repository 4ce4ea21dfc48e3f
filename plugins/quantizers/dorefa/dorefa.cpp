#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include <deneb/plugin/plugin.h>

#include "../common/dorefa_weight.h"
#include "../common/site_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Q(clamp(x, low, 1)) with low = 0 (unsigned) or -1 (signed). Gradient 1 for low <= x <= 1, both
// ends included, else 0.
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

class DoReFa final : public deneb::quantizers::SiteQuantizer {
 public:
  using Options = deneb::NoOptions;
  explicit DoReFa(const Options&) {}

  void set_format(const deneb::Format& format) override {
    const bool fits = is_integer_width(format) && (!on_weight() || format.is_signed());
    if (!format.is_float32() && !fits) {
      refuse(
          "DoReFa", format,
          on_weight() ? "int1 .. int16 and float32" : "uint1 .. uint16, int1 .. int16 and float32");
    }
    format_ = format;
  }

  Tensor quantize(const Tensor& x) override {
    // Differs from Vega (32 bits = ReLU on activations): float32 leaves the tensor as it is.
    if (format_.is_float32()) return x;
    if (on_weight()) return deneb::quantizers::dorefa_weight(x, format_.bits);
    TORCH_CHECK(x.is_floating_point(), "DoReFa needs a float tensor, got ", x.scalar_type());
    // Differs from DoReFa-Net, whose activations are never negative: a signed format clips to
    // [-1, 1] with the 2^bits levels of the weights, 2 Q((x + 1) / 2) - 1, so that a layer with
    // signed input (the first one, say) can be quantized.
    return DorefaActivation::apply(x, format_.bits, format_.is_signed());
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, DoReFa>(
      "DoReFa", "weights by tanh and maximum, activations clipped to [0, 1] (Zhou et al. 2016)");
}

}  // namespace

DENEB_PLUGIN("dorefa", "0.1.0", "DoReFa quantizer", register_all);
