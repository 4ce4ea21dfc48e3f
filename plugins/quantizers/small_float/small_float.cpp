#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include <deneb/plugin/plugin.h>

#include "../common/ranged_quantizer.h"
#include "float_grid.h"
#include "float_kernel.h"

namespace {

using deneb::quantizers::Bounds;
using deneb::quantizers::FloatGrid;
using deneb::quantizers::Groups;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kSmallestReach = 1e-8;  // of a range, so that no scale is 0

// q(x / scale) scale; the gradient goes straight through, everywhere or where nothing is clipped.
class SmallFloatFunction final : public torch::autograd::Function<SmallFloatFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Groups& groups,
                        const Tensor& scales, const FloatGrid& grid, bool clip_gradient) {
    ctx->saved_data["clip"] = clip_gradient;
    const bool kernel = deneb::quantizers::takes_kernel(x);
    Tensor spread_scales;
    if (clip_gradient || !kernel) spread_scales = deneb::quantizers::spread(scales, groups, x);
    if (clip_gradient) ctx->save_for_backward({x, spread_scales * clip_point(grid)});
    if (!kernel) return round_to_grid(x.div(spread_scales), grid).mul_(spread_scales);
    Tensor y = at::empty_like(x);
    const Tensor host = scales.contiguous();
    deneb::quantizers::float_forward(x.data_ptr<float>(), y.data_ptr<float>(), groups,
                                     host.data_ptr<float>(), grid);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    Tensor dx = gradients[0];
    if (ctx->saved_data["clip"].toBool()) {
      const variable_list saved = ctx->get_saved_variables();
      dx = dx.masked_fill(saved[0].abs().le(saved[1]).logical_not_(), 0);
    }
    return {dx, Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  // Half a unit above the largest number: what rounds to it is not clipped.
  static double clip_point(const FloatGrid& grid) {
    return grid.max + std::ldexp(1.0, grid.max_exponent - grid.mantissa_bits - 1);
  }
};

struct SmallFloatOptions : deneb::quantizers::RangeOptions {
  std::string scale = "max";
  bool clip_gradient = false;

  template <class V>
  void visit(V& v) {
    v("scale", scale,
      "max: the end of the range falls on the largest number; power_of_two: the largest power of "
      "two up to the range's end falls on that of the format (OCP Microscaling); none: no scale. "
      "Formats of 8 exponent bits never have one",
      {"max", "power_of_two", "none"});
    v("clip_gradient", clip_gradient, "no gradient where a value is clipped; false: 1 everywhere");
    RangeOptions::visit(v);
  }
  void check(deneb::OptionErrors& errors) const {
    if (range == "entropy") {
      errors.add("range", "entropy compares even steps, which floats do not have; take mse");
    }
  }
};

class SmallFloat final : public deneb::quantizers::RangedQuantizer {
 public:
  using Options = SmallFloatOptions;
  explicit SmallFloat(const Options& options) : RangedQuantizer(options), options_(options) {}

 protected:
  bool takes(const deneb::Format& format, Role) const override {
    return format.kind == deneb::Format::Kind::kSmallFloat;
  }
  [[noreturn]] void refuse_format(const deneb::Format& format) const override {
    refuse("SmallFloat", format, "e<1-8>m<0-10> such as e4m3, and float32");
  }
  bool symmetric() const override { return true; }
  std::int64_t magnitudes() const override { return 0; }

  Tensor simulate(const Tensor& values, const Bounds& bounds) const override {
    const Tensor scales = scales_over(bounds).unsqueeze(1);
    return round_to_grid(values.div(scales), grid()).mul_(scales);
  }

  Tensor fake_quantize(const Tensor& x, const Groups& groups, const Bounds& bounds) override {
    return SmallFloatFunction::apply(x, groups, scales_over(bounds), grid(),
                                     options_.clip_gradient);
  }

 private:
  FloatGrid grid() const { return FloatGrid::of(format()); }

  Tensor scales_over(const Bounds& bounds) const {
    torch::NoGradGuard no_grad;
    // Formats of 8 exponent bits reach as far as float32 does: a scale would only lose numbers.
    if (options_.scale == "none" || format().exponent_bits == 8) return at::ones_like(bounds.high);
    const Tensor reach =
        at::maximum(bounds.low.abs(), bounds.high.abs()).clamp_min_(kSmallestReach);
    if (options_.scale == "max") return reach.div(grid().max);
    const Tensor exponent = std::get<1>(at::frexp(reach)).sub_(1 + grid().max_exponent);
    return at::ldexp(at::ones_like(reach), exponent);
  }

  const Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, SmallFloat>(
      "SmallFloat", "floating point of few bits (FP4 to FP8, bfloat16, Microscaling blocks)");
}

}  // namespace

DENEB_PLUGIN("small_float", "0.1.0", "SmallFloat quantizer", register_all);
