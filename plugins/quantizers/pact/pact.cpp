#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include <deneb/plugin/plugin.h>

#include "../common/dorefa_weight.h"
#include "../common/site_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The clip value is divided by, so it may not reach zero, whatever the optimizer does with it.
constexpr double kSmallestAlpha = 1e-5;

// y = 0.5 (|x| - |x - alpha| + alpha) = clamp(x, 0, alpha), then Q(y) = round(y n / alpha) alpha /
// n with the identity as gradient. Derivatives of the first form, so exactly at a clip point each
// of x and alpha gets one half. Signed: clamp(x, -alpha, alpha) by the same rules.
class PactActivation final : public torch::autograd::Function<PactActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& alpha, int bits,
                        bool is_signed) {
    ctx->save_for_backward({x, alpha});
    ctx->saved_data["signed"] = is_signed;
    const double n = std::exp2(bits) - 1;
    const Tensor a = effective(alpha);
    if (!is_signed) {
      return at::minimum(x.clamp_min(0), a).mul_(n).div_(a).round_().mul_(a).div_(n);
    }
    const Tensor y = at::minimum(at::maximum(x, a.neg()), a);
    return y.div_(a).add_(1).mul_(n / 2).round_().mul_(2).sub_(n).mul_(a).div_(n);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &g = gradients[0];
    const Tensor a = effective(saved[1]);
    const bool is_signed = ctx->saved_data["signed"].toBool();
    // +1 above alpha, 0 at it, -1 below; likewise for the lower clip point.
    const Tensor above = (x - a).sign_();
    const Tensor below = (is_signed ? x + a : x).sign();
    const Tensor dx = (below - above).mul_(0.5).mul_(g);
    Tensor dalpha = above.add(1);                     // 2 where x > alpha, 1 at it
    if (is_signed) dalpha.sub_(below.neg().add_(1));  // -2 where x < -alpha
    dalpha = dalpha.mul_(g).sum().mul_(0.5).to(saved[1].scalar_type());
    return {dx, dalpha, Tensor(), Tensor()};
  }

 private:
  // Differs from PACT: alpha is used as max(alpha, 1e-5); its gradient does not see this floor, so
  // that a clip value that fell too low can grow again.
  static Tensor effective(const Tensor& alpha) { return alpha.clamp_min(kSmallestAlpha); }
};

struct PactOptions {
  double alpha = 10;

  template <class V>
  void visit(V& v) {
    v("alpha", alpha, "clip value of activations at the start of training", {kSmallestAlpha, 1e6});
  }
};

class Pact final : public deneb::quantizers::SiteQuantizer {
 public:
  using Options = PactOptions;
  explicit Pact(const Options& options) : options_(options) {}

  void attach(const deneb::QuantizerSite& site) override {
    SiteQuantizer::attach(site);
    if (on_weight()) return;
    alpha_ = register_parameter(
        "alpha", torch::full({}, options_.alpha, site.weight.options().requires_grad(false)));
  }

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      refuse(
          "PACT", format,
          on_weight() ? "int1 .. int16 and float32" : "uint1 .. uint16, int1 .. int16 and float32");
    }
    if (alpha_.defined() && format != format_) {
      torch::NoGradGuard no_grad;
      alpha_.fill_(options_.alpha);
    }
    format_ = format;
  }

  Tensor quantize(const Tensor& x) override {
    if (format_.is_float32()) return x;
    if (on_weight()) return deneb::quantizers::dorefa_weight(x, format_.bits);
    TORCH_CHECK(x.is_floating_point(), "PACT needs a float tensor, got ", x.scalar_type());
    // Differs from PACT, whose activations are never negative: a signed format clips to
    // [-alpha, alpha] with 2^bits levels, so that a layer with signed input can be quantized.
    return PactActivation::apply(x, alpha_, format_.bits, format_.is_signed());
  }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return is_integer_width(format) && (role == Role::kActivation || format.is_signed());
  }

 private:
  Options options_;
  Tensor alpha_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Pact>(
      "PACT", "activations clipped at a learned value (Choi et al. 2018), weights as DoReFa");
}

}  // namespace

DENEB_PLUGIN("pact", "0.1.0", "PACT quantizer", register_all);
