#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include <deneb/plugin/plugin.h>

#include "../common/dorefa_activation.h"
#include "../common/site_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Q(clamp(w, -1, 1)) with n = 2^(bits - 1) - 1 steps on each side of zero: one of the bits is the
// sign. Gradient 1 for -1 <= w <= 1, both ends included, else 0.
class WrpnWeight final : public torch::autograd::Function<WrpnWeight> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& w, int bits) {
    ctx->save_for_backward({w});
    const double n = std::exp2(bits - 1) - 1;
    return w.clamp(-1, 1).mul_(n).round_().div_(n);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor w = ctx->get_saved_variables()[0];
    return {gradients[0].masked_fill(w.abs().le(1).logical_not_(), 0), Tensor()};
  }
};

class Wrpn final : public deneb::quantizers::SiteQuantizer {
 public:
  using Options = deneb::NoOptions;
  explicit Wrpn(const Options&) {}

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      refuse(
          "WRPN", format,
          on_weight() ? "int2 .. int16 and float32" : "uint1 .. uint16, int1 .. int16 and float32");
    }
    format_ = format;
  }

  Tensor quantize(const Tensor& x) override {
    if (format_.is_float32()) return x;
    if (!on_weight()) {
      return deneb::quantizers::dorefa_activation(x, format_.bits, format_.is_signed());
    }
    TORCH_CHECK(x.is_floating_point(), "WRPN needs a float tensor, got ", x.scalar_type());
    return WrpnWeight::apply(x, format_.bits);
  }

 protected:
  // int1 leaves no bit beside the sign of a weight.
  bool takes(const deneb::Format& format, Role role) const override {
    return is_integer_width(format) &&
           (role == Role::kActivation || (format.is_signed() && format.bits >= 2));
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Wrpn>(
      "WRPN", "weights clipped to [-1, 1], activations to [0, 1] (Mishra et al. 2018)");
}

}  // namespace

DENEB_PLUGIN("wrpn", "0.1.0", "WRPN quantizer", register_all);
