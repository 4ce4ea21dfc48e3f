#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include <deneb/plugin/plugin.h>

#include "../common/even_grid.h"
#include "../common/learned_step.h"
#include "../common/ranged_quantizer.h"
#include "../common/uniform_kernel.h"

namespace {

using deneb::quantizers::Bounds;
using deneb::quantizers::EvenGrids;
using deneb::quantizers::Groups;
using deneb::quantizers::on_even_grid;
using deneb::quantizers::spread;
using deneb::quantizers::takes_kernel;
using deneb::quantizers::UniformGrids;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// In host memory.
UniformGrids values_of(const EvenGrids& grids) {
  return {grids.step.data_ptr<float>(), grids.low.data_ptr<float>(), grids.high.data_ptr<float>(),
          grids.low.numel() == 1};
}

// The gradient goes straight through, everywhere or where nothing is clipped.
class UniformFunction final : public torch::autograd::Function<UniformFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Groups& groups,
                        const EvenGrids& grids, bool clip_gradient) {
    ctx->saved_data["clip"] = clip_gradient;
    if (clip_gradient) {
      ctx->save_for_backward({x, grids.step, grids.low, grids.high});
      ctx->saved_data["rows"] = groups.rows;
      ctx->saved_data["columns"] = groups.columns;
      ctx->saved_data["group"] = groups.group;
    }
    if (!takes_kernel(x)) {
      return on_even_grid(x, spread(grids.step, groups, x), spread(grids.low, groups, x),
                          spread(grids.high, groups, x));
    }
    Tensor y = at::empty_like(x);
    deneb::quantizers::uniform_forward(x.data_ptr<float>(), y.data_ptr<float>(), groups,
                                       values_of(grids));
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    deneb::quantizers::refuse_second_derivative();
    const Tensor& g = gradients[0];
    if (!ctx->saved_data["clip"].toBool()) return {g, Tensor(), Tensor(), Tensor()};
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Groups groups{ctx->saved_data["rows"].toInt(), ctx->saved_data["columns"].toInt(),
                        ctx->saved_data["group"].toInt()};
    const EvenGrids grids{saved[1], saved[2], saved[3]};
    if (!takes_kernel(x)) {
      const Tensor v = x.div(spread(grids.step, groups, x)).round_();
      const Tensor inside =
          v.ge(spread(grids.low, groups, x)).logical_and_(v.le(spread(grids.high, groups, x)));
      return {g.masked_fill(inside.logical_not_(), 0), Tensor(), Tensor(), Tensor()};
    }
    const Tensor upstream = deneb::quantizers::laid_out_as(g, x);
    Tensor dx = at::empty_like(x);
    deneb::quantizers::uniform_mask(x.data_ptr<float>(), upstream.data_ptr<float>(),
                                    dx.data_ptr<float>(), groups, values_of(grids));
    return {dx, Tensor(), Tensor(), Tensor()};
  }
};

struct UniformOptions : deneb::quantizers::RangeOptions {
  bool symmetric = true;
  bool narrow = false;
  bool clip_gradient = true;
  bool learn_step = false;

  template <class V>
  void visit(V& v) {
    v("symmetric", symmetric, "zero point 0; false: the grid is as wide as the range");
    v("narrow", narrow, "signed symmetric formats leave out the lowest level: -7 .. 7 for int4");
    v("clip_gradient", clip_gradient, "no gradient where a value is clipped; false: 1 everywhere");
    v("learn_step", learn_step,
      "activations of one range: the step that the range gives is a parameter, trained as LSQ's "
      "is; "
      "the zero point stays");
    RangeOptions::visit(v);
  }
  void check(deneb::OptionErrors& errors) const {
    if (!learn_step) return;
    if (update != "static") {
      errors.add("learn_step", "a range that moves has no step to learn; set update to \"static\"");
    }
    if (granularity != "tensor") {
      errors.add("learn_step", "there is one step for all; set granularity to \"tensor\"");
    }
  }
};

class Uniform final : public deneb::quantizers::RangedQuantizer {
 public:
  using Options = UniformOptions;
  explicit Uniform(const Options& options) : RangedQuantizer(options), options_(options) {}

 protected:
  bool takes(const deneb::Format& format, Role) const override {
    return is_integer_width(format) && (!format.is_signed() || format.bits >= least_signed());
  }
  [[noreturn]] void refuse_format(const deneb::Format& format) const override {
    refuse("Uniform", format,
           "int" + std::to_string(least_signed()) + " .. int16, uint1 .. uint16 and float32");
  }
  bool symmetric() const override { return options_.symmetric; }
  std::int64_t magnitudes() const override { return static_cast<std::int64_t>(levels().high) + 1; }

  Tensor simulate(const Tensor& values, const Bounds& bounds) const override {
    return on_even_grids(values, grids_over(bounds));
  }

  void attached(const deneb::QuantizerSite& site) override {
    if (!options_.learn_step) return;
    if (on_weight()) {
      throw deneb::ConfigError("layer '" + site.layer +
                               "': learn_step is for activations; for weights take LSQ");
    }
    const auto place = torch::TensorOptions(site.weight.device());
    step_ = register_parameter("step", torch::ones({}, place.dtype(site.weight.scalar_type())));
  }

  void bounds_set(const Bounds& bounds) override {
    if (step_.defined()) step_.copy_(grids_over(bounds).step.squeeze(0));
  }

  Tensor fake_quantize(const Tensor& x, const Groups& groups, const Bounds& bounds) override {
    if (step_.defined()) {
      const double steps = levels().high - levels().low, low = lowest_level(bounds);
      const double gain = deneb::quantizers::step_gain(x, 1, /*one_sample=*/true, steps);
      return deneb::quantizers::on_learned_grid(x, step_, low, low + steps, gain);
    }
    return UniformFunction::apply(x, groups, grids_over(bounds), options_.clip_gradient);
  }

 private:
  struct Levels {
    double low, high;
  };
  // Around zero, int1 has no positive level.
  int least_signed() const { return symmetric() ? 2 : 1; }
  Levels levels() const {
    const double half = std::exp2(format_.bits - 1);
    if (!format_.is_signed()) return {0, 2 * half - 1};
    return {options_.symmetric && options_.narrow ? 1 - half : -half, half - 1};
  }

  EvenGrids grids_over(const Bounds& bounds) const {
    const Levels l = levels();
    if (!options_.symmetric) {
      return deneb::quantizers::asymmetric_grids(bounds, l.high - l.low);
    }
    const Tensor reach =
        format_.is_signed() ? at::maximum(bounds.low.abs(), bounds.high.abs()) : bounds.high;
    return deneb::quantizers::symmetric_grids(reach, l.low, l.high);
  }

  // Of the grid whose step is learned: where the range began. Read anew only after a change, as
  // reading waits for a GPU.
  double lowest_level(const Bounds& bounds) {
    if (options_.symmetric) return levels().low;
    const auto version = bounds.low._version();
    if (!bounds.low.is_same(lowest_of_) || version != version_) {
      lowest_ = grids_over(bounds).low.item<double>();
      lowest_of_ = bounds.low;
      version_ = version;
    }
    return lowest_;
  }

  const Options options_;
  Tensor step_;  // where learned
  Tensor lowest_of_;
  std::uint32_t version_ = 0;
  double lowest_ = 0;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Uniform>(
      "Uniform",
      "even steps over a range found from the data: post-training quantization, or training with "
      "fixed or dynamic ranges");
}

}  // namespace

DENEB_PLUGIN("uniform", "0.1.0", "Uniform quantizer", register_all);
