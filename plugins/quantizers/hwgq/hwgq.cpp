#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>
#include <vector>

#include <deneb/plugin/plugin.h>

#include "../common/site_quantizer.h"

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int kLargestWidth = 8;
using StepTable = std::array<double, kLargestWidth>;  // step for unit deviation, by bits - 1

// 1 to 4 bits as published with EdMIPS; 5 to 8 continue by the same criterion, the least square
// error against a normal distribution.
constexpr StepTable kWeightSteps = {1.596, 0.996, 0.586, 0.336, 0.18814, 0.10406, 0.05687, 0.03076};
// Likewise, for its positive half and a lowest positive cell (0, 1.5 step] that goes to the step.
constexpr StepTable kActivationSteps = {0.799,   0.538,   0.3217,  0.185,
                                        0.10298, 0.05658, 0.03069, 0.01648};

// Uniform levels at odd multiples of half a step, 2^bits of them, none at zero; the step is that of
// the table times the standard deviation of the tensor, which is a constant to the gradient. The
// gradient is 1 everywhere, for clipped weights too.
class GaussianWeight final : public torch::autograd::Function<GaussianWeight> {
 public:
  static Tensor forward(AutogradContext*, const Tensor& w, double step, int bits) {
    // Differs from EdMIPS: one weight has no standard deviation, and equal weights would be divided
    // by 0. Both are quantized to 0.
    const Tensor d =
        w.numel() > 1 ? w.std(/*unbiased=*/true).mul_(step) : torch::zeros({}, w.options());
    const double top = std::exp2(bits - 1) - 0.5;
    const Tensor divisor = d.masked_fill(d == 0, 1);
    return w.div(divisor).add_(0.5).round_().sub_(0.5).clamp_(-top, top).mul_(d);
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], Tensor(), Tensor()};
  }
};

// step round(clamp(x, 0, top) / step), top = step (2^bits - 1); gradient 1 for 0 <= x <= top, both
// ends included, else 0.
class HalfWaveActivation final : public torch::autograd::Function<HalfWaveActivation> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double step, int bits) {
    const double top = step * (std::exp2(bits) - 1);
    ctx->save_for_backward({x});
    ctx->saved_data["top"] = top;
    return x.clamp(0, top).div_(step).round_().mul_(step);
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
  void check(deneb::OptionErrors& errors) const {
    if (step_table.size() > kLargestWidth) {
      errors.add("step_table", "has " + std::to_string(step_table.size()) +
                                   " entries, expected one for each of at most 8 bits");
    }
    for (const double step : step_table) {
      if (step == 0) errors.add("step_table", "a step of 0 has no levels; expected steps > 0");
    }
  }
};

class Hwgq final : public deneb::quantizers::SiteQuantizer {
 public:
  using Options = HwgqOptions;
  explicit Hwgq(const Options& options) : options_(options) {}

  void set_format(const deneb::Format& format) override {
    const int largest =
        options_.step_table.empty() ? kLargestWidth : static_cast<int>(options_.step_table.size());
    const bool fits =
        format.is_integer() && format.bits <= largest && format.is_signed() == on_weight();
    if (!format.is_float32() && !fits) {
      const std::string word = on_weight() ? "int" : "uint";
      refuse("HWGQ", format, word + "1 .. " + word + std::to_string(largest) + " and float32");
    }
    format_ = format;
    if (format.is_float32()) return;
    const auto at = static_cast<std::size_t>(format.bits - 1);
    const StepTable& table = on_weight() ? kWeightSteps : kActivationSteps;
    step_ = options_.step_table.empty() ? table[at] : options_.step_table[at];
  }

  Tensor quantize(const Tensor& x) override {
    // Differs from EdMIPS (32 bits = ReLU on activations): float32 leaves the tensor as it is.
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), "HWGQ needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    return on_weight() ? GaussianWeight::apply(x, step_, format_.bits)
                       : HalfWaveActivation::apply(x, step_, format_.bits);
  }

 private:
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
