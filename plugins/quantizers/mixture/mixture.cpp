#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <set>
#include <vector>

#include <deneb/plugin/plugin.h>
#include <deneb/quant/format_mixture.h>

#include "../common/gaussian_steps.h"
#include "../common/site_quantizer.h"
#include "mixture_kernel.h"

namespace {

using namespace deneb::quantizers;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using Widths = std::vector<std::int64_t>;

// sum p_i Q_i(w). Because the p_i sum to 1 and every Q_i passes all gradients, that of w is g
// itself; that of p_i is <g, Q_i(w)>.
class WeightMixture final : public torch::autograd::Function<WeightMixture> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& w, const Tensor& shares,
                        const Widths& widths) {
    ctx->save_for_backward({w});
    ctx->saved_data["widths"] = widths;
    Tensor y = at::zeros_like(w);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      y.add_(candidate(w, widths[i]).mul_(shares[static_cast<std::int64_t>(i)]));
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const Tensor w = ctx->get_saved_variables()[0];
    const Tensor& g = gradients[0];
    std::vector<Tensor> shares;
    for (const std::int64_t bits : ctx->saved_data["widths"].toIntVector()) {
      shares.push_back(candidate(w, bits).mul_(g).sum());
    }
    return {g, at::stack(shares), Tensor()};
  }

 private:
  static Tensor candidate(const Tensor& w, std::int64_t bits) {
    return gaussian_weight(w, weight_deviation(w), kWeightSteps[static_cast<std::size_t>(bits - 1)],
                           static_cast<int>(bits));
  }
};

double step_of(std::int64_t bits) { return kActivationSteps[static_cast<std::size_t>(bits - 1)]; }

// sum r_j HWGQ_j(x); gradients g sum r_j [0 <= x <= top_j] and <g, HWGQ_j(x)>.
class ActivationMixture final : public torch::autograd::Function<ActivationMixture> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& shares,
                        const Widths& widths) {
    ctx->saved_data["widths"] = widths;
    if (takes_kernel(x)) {
      const Tensor walked = dense(x);
      ctx->save_for_backward({walked, shares});
      Tensor y = at::empty_like(walked);
      mixture_forward(walked.data_ptr<float>(), y.data_ptr<float>(), walked.numel(),
                      candidates(shares, widths));
      return y;
    }
    ctx->save_for_backward({x, shares});
    Tensor y = at::zeros_like(x);
    for (std::size_t j = 0; j < widths.size(); ++j) {
      y.add_(half_wave(x, step_of(widths[j]), static_cast<int>(widths[j]))
                 .mul_(shares[static_cast<std::int64_t>(j)]));
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &shares = saved[1], &g = gradients[0];
    const Widths widths = ctx->saved_data["widths"].toIntVector();
    if (takes_kernel(x)) {
      const Tensor upstream = laid_out_as(g, x);
      Tensor dx = at::empty_like(x);
      const std::vector<double> sums =
          mixture_backward(x.data_ptr<float>(), upstream.data_ptr<float>(), dx.data_ptr<float>(),
                           x.numel(), candidates(shares, widths));
      return {dx, torch::tensor(sums, shares.options().requires_grad(false)), Tensor()};
    }
    Tensor passing = at::zeros_like(x);
    std::vector<Tensor> sums;
    for (std::size_t j = 0; j < widths.size(); ++j) {
      const double step = step_of(widths[j]);
      const int bits = static_cast<int>(widths[j]);
      const Tensor inside = x.ge(0).logical_and_(x.le(half_wave_top(step, bits)));
      passing.add_(inside.to(x.scalar_type()).mul_(shares[static_cast<std::int64_t>(j)]));
      sums.push_back(half_wave(x, step, bits).mul_(g).sum());
    }
    return {passing.mul_(g), at::stack(sums), Tensor()};
  }

 private:
  static std::vector<HalfWave> candidates(const Tensor& shares, const Widths& widths) {
    std::vector<HalfWave> list;
    for (std::size_t j = 0; j < widths.size(); ++j) {
      const double step = step_of(widths[j]);
      list.push_back({float(step), float(half_wave_top(step, static_cast<int>(widths[j]))),
                      shares[static_cast<std::int64_t>(j)].item<float>()});
    }
    return list;
  }
};

struct MixtureOptions {
  std::vector<int> widths = {2, 3, 4};
  double alpha = 0.01;

  template <class V>
  void visit(V& v) {
    v("widths", widths, "bit-widths that are mixed", {1, kGaussianWidths});
    v("alpha", alpha, "start value of the architecture parameters", {-100, 100});
  }
  void check(deneb::OptionErrors& errors) const {
    if (widths.empty()) errors.add("widths", "is empty; name the widths to mix");
    if (std::set<int>(widths.begin(), widths.end()).size() != widths.size()) {
      errors.add("widths", "names a width twice");
    }
  }
};

class Mixture final : public SiteQuantizer, public deneb::FormatMixture {
 public:
  using Options = MixtureOptions;
  explicit Mixture(const Options& options)
      : widths_(options.widths.begin(), options.widths.end()), start_(options.alpha) {}

  void attach(const deneb::QuantizerSite& site) override {
    SiteQuantizer::attach(site);
    const auto place = torch::TensorOptions(site.weight.device());
    alpha_ =
        register_parameter("alpha", torch::full({static_cast<std::int64_t>(widths_.size())}, start_,
                                                place.dtype(site.weight.scalar_type())));
  }

  // All widths are in the mixture at all times: the format only says that the tensor is quantized.
  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      std::string list;
      for (const deneb::Format& own : formats()) list += own.text() + ", ";
      refuse("Mixture", format, list + "the widths that it mixes, and float32");
    }
    format_ = format;
  }

  std::vector<deneb::Format> formats() const override {
    std::vector<deneb::Format> formats;
    for (const std::int64_t bits : widths_) {
      formats.push_back(deneb::Format::integer(static_cast<int>(bits), on_weight()));
    }
    return formats;
  }
  Tensor shares() const override { return alpha_.softmax(0); }
  Tensor logits() const override { return alpha_; }

  Tensor quantize(const Tensor& x) override {
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), "Mixture needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    return on_weight() ? WeightMixture::apply(x, shares(), widths_)
                       : ActivationMixture::apply(x, shares(), widths_);
  }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return format.is_integer() && format.is_signed() == (role == Role::kWeight) &&
           std::count(widths_.begin(), widths_.end(), format.bits) > 0;
  }

 private:
  const Widths widths_;
  const double start_;
  Tensor alpha_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Mixture>(
      "Mixture", "softmax-weighted sum of HWGQ quantizers of several widths (EdMIPS)");
}

}  // namespace

DENEB_PLUGIN("mixture", "0.1.0", "Mixture quantizer", register_all);
