#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include <deneb/plugin/plugin.h>

#include "../common/gaussian_steps.h"
#include "../common/site_quantizer.h"

namespace {

using namespace deneb::quantizers;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Gradient 1 everywhere, for clipped weights too.
class GaussianWeight final : public torch::autograd::Function<GaussianWeight> {
 public:
  static Tensor forward(AutogradContext*, const Tensor& w, double step, int bits) {
    return gaussian_weight(w, weight_deviation(w), step, bits);
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], Tensor(), Tensor()};
  }
};

// Gradient 1 for 0 <= x <= top, both ends included, else 0.
class HalfWaveActivation final : public torch::autograd::Function<HalfWaveActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double step, int bits) {
    ctx->save_for_backward({x});
    ctx->saved_data["top"] = half_wave_top(step, bits);
    return half_wave(x, step, bits);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor x = ctx->get_saved_variables()[0];
    const Tensor inside = x.ge(0).logical_and_(x.le(ctx->saved_data["top"].toDouble()));
    return {gradients[0].masked_fill(inside.logical_not_(), 0), Tensor(), Tensor()};
  }
};

struct HwgqOptions {
  std::vector<double> step_table;

  template <class V>
  void visit(V& v) {
    v("step_table", step_table,
      "steps for unit standard deviation, from 1 bit upwards; empty = the built-in table",
      {0, 1e3});
  }
  void check(deneb::OptionErrors& errors) const { check_step_table(step_table, errors); }
};

class Hwgq final : public SiteQuantizer {
 public:
  using Options = HwgqOptions;
  explicit Hwgq(const Options& options) : options_(options) {}

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      const std::string word = on_weight() ? "int" : "uint";
      refuse("HWGQ", format, word + "1 .. " + word + std::to_string(largest()) + " and float32");
    }
    format_ = format;
    if (format.is_float32()) return;
    step_ =
        unit_step(options_.step_table, on_weight() ? kWeightSteps : kActivationSteps, format.bits);
  }

  Tensor quantize(const Tensor& x) override {
    // Differs from EdMIPS (32 bits = ReLU on activations): float32 leaves the tensor as it is.
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), "HWGQ needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    return on_weight() ? GaussianWeight::apply(x, step_, format_.bits)
                       : HalfWaveActivation::apply(x, step_, format_.bits);
  }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return format.is_integer() && format.bits <= largest() &&
           format.is_signed() == (role == Role::kWeight);
  }

 private:
  int largest() const {
    return options_.step_table.empty() ? kGaussianWidths
                                       : static_cast<int>(options_.step_table.size());
  }

  Options options_;
  double step_ = 1;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Hwgq>(
      "HWGQ",
      "fixed steps that suit normally distributed values (Cai et al. 2017; Cai and Vasconcelos "
      "2020)");
}

}  // namespace

DENEB_PLUGIN("hwgq", "0.1.0", "HWGQ quantizer", register_all);
