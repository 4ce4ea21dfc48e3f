#include <deneb/plugin/plugin.h>
#include <deneb/quant/adaptive_rounding.h>

#include <cmath>

#include "../common/even_grid.h"
#include "../common/range.h"
#include "../common/site_quantizer.h"

namespace {

using deneb::quantizers::Bounds;
using torch::Tensor;

struct AdaRoundOptions {
  std::string granularity = "channel";
  std::string range = "mse";

  template <class V>
  void visit(V& v) {
    v("granularity", granularity, "weights that share a step: the tensor, or an output channel",
      {"tensor", "channel"});
    v("range", range,
      "max: all weights; mse: least error to the power of 2.4 under rounding to the "
      "nearest",
      {"max", "mse"});
  }
};

class AdaRound final : public deneb::quantizers::SiteQuantizer, public deneb::AdaptiveRounding {
 public:
  using Options = AdaRoundOptions;
  explicit AdaRound(const Options& options) : options_(options) {}

  void attach(const deneb::QuantizerSite& site) override {
    SiteQuantizer::attach(site);
    if (!on_weight()) {
      throw deneb::ConfigError("layer '" + site.layer +
                               "': AdaRound rounds weights; choose another method for activations, "
                               "such as Uniform");
    }
    weight_ = site.weight;
    const auto like = weight_.options().requires_grad(false);
    const std::int64_t count = rows_of(weight_).size(0);
    step_ = register_buffer("step", torch::ones({count}, like));
    low_ = register_buffer("low", torch::zeros({count}, like));
    rounding_ = register_parameter("rounding", torch::zeros_like(weight_.detach()));
  }

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) refuse("AdaRound", format, "int1 .. int16 and float32");
    if (format == format_) return;
    format_ = format;
    if (format.is_float32() || weight_.numel() == 0) return;
    torch::NoGradGuard no_grad;
    const Tensor rows = rows_of(weight_.detach());
    deneb::quantizers::RangeOptions range;
    range.range = options_.range;
    const auto grids_over = [this](const Bounds& bounds) {
      return deneb::quantizers::asymmetric_grids(bounds, steps());
    };
    const auto to_nearest = [&](const Tensor& values, const Bounds& bounds) {
      return deneb::quantizers::on_even_grids(values, grids_over(bounds));
    };
    const auto grids = grids_over(deneb::quantizers::find_range(
        {range, /*symmetric=*/false, /*levels=*/0, to_nearest}, {rows, {}}));
    step_.copy_(grids.step);
    low_.copy_(grids.low);
    const Tensor scaled = weight_.detach() / per_row(step_);
    rounding_.copy_(deneb::inverse_rectified_sigmoid(scaled - scaled.floor()));
  }

  // The weights are constants here: only their rounding is learned.
  Tensor quantize(const Tensor& w) override {
    if (format_.is_float32()) return w;
    TORCH_CHECK(w.is_floating_point(), "AdaRound needs a float tensor, got ", w.scalar_type());
    if (w.numel() == 0) return w.clone();
    const Tensor step = per_row(step_), low = per_row(low_);
    const bool soft = how_ == Rounding::kSoft || (how_ == Rounding::kByMode && is_training());
    const Tensor up =
        soft ? deneb::rectified_sigmoid(rounding_) : rounding_.detach().ge(0).to(w.scalar_type());
    const Tensor level = (w.detach() / step).floor() + up;
    return at::minimum(at::maximum(level, low), low + steps()) * step;
  }

  void set_rounding(Rounding rounding) override { how_ = rounding; }
  Tensor rounding_parameter() const override { return rounding_; }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return role == Role::kWeight && is_integer_width(format) && format.is_signed();
  }

 private:
  double steps() const { return std::exp2(format_.bits) - 1; }  // between lowest and highest level

  Tensor rows_of(const Tensor& w) const {
    const bool one = options_.granularity == "tensor" || w.dim() == 0 || w.numel() == 0;
    return w.reshape({one ? 1 : w.size(0), -1});
  }
  Tensor per_row(const Tensor& values) const {
    if (values.numel() == 1) return values.select(0, 0);
    std::vector<std::int64_t> shape(static_cast<std::size_t>(weight_.dim()), 1);
    shape[0] = values.numel();
    return values.view(shape);
  }

  const Options options_;
  Rounding how_ = Rounding::kByMode;
  Tensor weight_, step_, low_, rounding_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, AdaRound>("AdaRound",
                                    "weights rounded up or down as learned (Nagel et al. 2020)");
}

}  // namespace

DENEB_PLUGIN("adaround", "0.1.0", "AdaRound quantizer", register_all);
