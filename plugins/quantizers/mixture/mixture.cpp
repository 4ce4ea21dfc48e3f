#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <deneb/plugin/plugin.h>
#include <deneb/quant/buffer_handover.h>
#include <deneb/quant/format_mixture.h>
#include <deneb/quant/step_bank.h>

#include "../common/gaussian_steps.h"
#include "../common/learned_step.h"
#include "../common/site_quantizer.h"
#include "mixture_kernel.h"

namespace {

using namespace deneb::quantizers;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Candidates by index; what they have beside steps and shares.
struct Rules {
  MixtureKind kind = MixtureKind::kLearned;
  bool own_values = false;  // x has a leading dimension of candidates
  std::vector<double> low, high;
  std::vector<double> gain;  // of the gradients of the steps; kLearned
};

// sum p_j Q_j(x), shares p [F], steps [F]. The steps have a gradient where they are learned.
class MixtureFunction final : public torch::autograd::Function<MixtureFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& shares,
                        const Tensor& steps, const Rules& rules) {
    ctx->saved_data["kind"] = static_cast<std::int64_t>(rules.kind);
    ctx->saved_data["own_values"] = rules.own_values;
    ctx->saved_data["low"] = rules.low;
    ctx->saved_data["high"] = rules.high;
    ctx->saved_data["gain"] = rules.gain;
    if (takes_kernel(x)) {
      const Tensor walked = walkable(x, rules.own_values);
      ctx->save_for_backward({walked, shares, steps});
      const bool ours = !rules.own_values && deneb::take_over(walked);
      Tensor y = ours ? walked : at::empty_like(values_of(walked, rules.own_values, 0));
      mixture_forward(rules.kind, input_of(walked, rules.own_values), y.data_ptr<float>(),
                      candidates_of(shares, steps, rules));
      return y;
    }
    ctx->save_for_backward({x, shares, steps});
    Tensor y = at::zeros_like(values_of(x, rules.own_values, 0));
    for (std::size_t j = 0; j < rules.low.size(); ++j) {
      const Candidate c(shares, steps, rules, j);
      y.add_(c.level(values_of(x, rules.own_values, j)).mul_(c.scale * c.share));
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &shares = saved[1], &steps = saved[2], &g = gradients[0];
    const Rules rules = rules_of(ctx);
    // The shares sum to 1, and mid-rise candidates pass all gradients.
    const bool passes_all = rules.kind == MixtureKind::kMidRise && !rules.own_values;
    Tensor dx, dshares, dsteps;
    if (passes_all) dx = g;
    const bool makes_dx = ctx->needs_input_grad(0) && !passes_all;
    if (takes_kernel(x)) {
      const Tensor upstream = laid_out_as(g, values_of(x, rules.own_values, 0));
      if (makes_dx) {
        const bool ours = !rules.own_values && (!upstream.is_same(g) || deneb::take_over(g));
        dx = ours ? upstream : at::empty_like(x);
      }
      const MixtureCandidates candidates = candidates_of(shares, steps, rules);
      MixtureSums sums =
          mixture_backward(rules.kind, input_of(x, rules.own_values), upstream.data_ptr<float>(),
                           makes_dx ? dx.data_ptr<float>() : nullptr, candidates);
      const std::vector<float> learned = floats_of(steps);
      for (std::size_t j = 0; j < candidates.size(); ++j) {
        sums.level[j] *= candidates[j].scale;
        if (rules.gain.empty()) continue;
        const double gain = rules.gain[j] * candidates[j].share;
        sums.residual[j] *= learned[j] < 0 ? -gain : gain;
      }
      if (ctx->needs_input_grad(1)) dshares = torch::tensor(sums.level, plain(shares));
      if (ctx->needs_input_grad(2)) dsteps = torch::tensor(sums.residual, plain(steps));
      return {dx, dshares, dsteps, Tensor()};
    }
    if (makes_dx) dx = at::zeros_like(x);
    std::vector<Tensor> for_shares, for_steps;
    for (std::size_t j = 0; j < rules.low.size(); ++j) {
      const Candidate c(shares, steps, rules, j);
      const Tensor values = values_of(x, rules.own_values, j), level = c.level(values);
      for_shares.push_back((level * g).sum().mul_(c.scale));
      const Tensor inside = c.inside(values);
      if (makes_dx) {
        values_of(dx, rules.own_values, j).add_(inside.to(x.scalar_type()).mul_(c.share));
      }
      if (rules.kind != MixtureKind::kLearned) continue;
      const Tensor residual = level - values.div(c.divisor).masked_fill_(inside.logical_not(), 0);
      const Tensor slope = (residual * g).sum().mul_(c.share * rules.gain[j]);
      for_steps.push_back(at::where(c.step.lt(0), slope.neg(), slope));
    }
    if (makes_dx) dx.mul_(g);
    if (ctx->needs_input_grad(1)) dshares = at::stack(for_shares).to(shares.scalar_type());
    if (ctx->needs_input_grad(2)) dsteps = at::stack(for_steps).to(steps.scalar_type());
    return {dx, dshares, dsteps, Tensor()};
  }

 private:
  // One candidate of the composition of tensor operations.
  struct Candidate {
    MixtureKind kind;
    Tensor step, divisor, scale, share;
    double low, high;

    Candidate(const Tensor& shares, const Tensor& steps, const Rules& rules, std::size_t j)
        : kind(rules.kind), low(rules.low[j]), high(rules.high[j]) {
      const auto at = static_cast<std::int64_t>(j);
      step = steps.detach()[at];
      share = shares.detach()[at];
      scale = kind == MixtureKind::kLearned ? magnitude(step) : step;
      divisor = scale.masked_fill(scale == 0, 1);
    }
    Tensor level(const Tensor& x) const {
      switch (kind) {
        case MixtureKind::kHalfWave:
          return x.clamp(low, high).div_(divisor).round_();
        case MixtureKind::kMidRise:
          return x.div(divisor).add_(0.5).clamp_(low, high).round_().sub_(0.5);
        case MixtureKind::kLearned:
          break;
      }
      return x.div(divisor).clamp_(low, high).round_();
    }
    Tensor inside(const Tensor& x) const {
      if (kind == MixtureKind::kMidRise) return at::ones_like(x, torch::kBool);
      const Tensor v = kind == MixtureKind::kHalfWave ? x : x.div(divisor);
      return v.ge(low).logical_and_(v.le(high));
    }
  };

  static torch::TensorOptions plain(const Tensor& like) {
    return like.options().requires_grad(false);
  }
  static Tensor values_of(const Tensor& x, bool own_values, std::size_t candidate) {
    return own_values ? x[static_cast<std::int64_t>(candidate)] : x;
  }
  static Tensor walkable(const Tensor& x, bool own_values) {
    return own_values && !has_dense_rows(x) ? x.contiguous() : dense(x);
  }
  static MixtureInput input_of(const Tensor& x, bool own_values) {
    const std::int64_t count = own_values ? x.numel() / x.size(0) : x.numel();
    return {x.data_ptr<float>(), count, own_values ? count : 0};
  }
  static std::vector<float> floats_of(const Tensor& list) {
    const Tensor flat = list.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
  }
  static MixtureCandidates candidates_of(const Tensor& shares, const Tensor& steps,
                                         const Rules& rules) {
    const std::vector<float> share = floats_of(shares), step = floats_of(steps);
    MixtureCandidates list;
    for (std::size_t j = 0; j < share.size(); ++j) {
      const float scale = rules.kind == MixtureKind::kLearned ? magnitude(step[j]) : step[j];
      list.push_back(
          {scale == 0 ? 1.f : scale, scale, share[j], float(rules.low[j]), float(rules.high[j])});
    }
    return list;
  }
  static Rules rules_of(AutogradContext* ctx) {
    const auto list = [ctx](const char* name) { return ctx->saved_data[name].toDoubleVector(); };
    return {static_cast<MixtureKind>(ctx->saved_data["kind"].toInt()),
            ctx->saved_data["own_values"].toBool(), list("low"), list("high"), list("gain")};
  }
};

struct MixtureOptions {
  std::vector<int> widths = {2, 3, 4};
  double alpha = 0.01;
  std::string steps = "gaussian";
  std::vector<double> step_table;
  std::string gain = "sample";
  bool own_weights = false;

  template <class V>
  void visit(V& v) {
    v("widths", widths, "bit-widths that are mixed", {1, kGaussianWidths});
    v("alpha", alpha, "start value of the architecture parameters", {-100, 100});
    v("steps", steps,
      "gaussian: the fixed steps of HWGQ, as EdMIPS has it; lsq: one learned step size for each "
      "width",
      {"gaussian", "lsq"});
    v("step_table", step_table,
      "gaussian steps for unit standard deviation, from 1 bit upwards; empty = the built-in table",
      {0, 1e3});
    v("gain", gain,
      "elements that the gradients of learned steps are scaled by, as of LSQ: tensor, all of them; "
      "sample, of activations those of one sample",
      {"tensor", "sample"});
    v("own_weights", own_weights,
      "one float weight for each width instead of one for all; weights only");
  }
  void check(deneb::OptionErrors& errors) const {
    if (widths.empty()) errors.add("widths", "is empty; name the widths to mix");
    if (std::set<int>(widths.begin(), widths.end()).size() != widths.size()) {
      errors.add("widths", "names a width twice");
    }
    check_step_table(step_table, errors);
    if (step_table.empty()) return;
    if (steps != "gaussian") {
      errors.add("step_table", "is for steps \"gaussian\"; learned steps start from the data");
    }
    for (const int width : widths) {
      if (static_cast<std::size_t>(width) > step_table.size()) {
        errors.add("widths", "names " + std::to_string(width) + " bits, but step_table ends at " +
                                 std::to_string(step_table.size()));
      }
    }
  }
};

class Mixture : public SiteQuantizer, public deneb::FormatMixture {
 public:
  explicit Mixture(MixtureOptions options) : options_(std::move(options)) {}

  void attach(const deneb::QuantizerSite& site) override {
    SiteQuantizer::attach(site);
    if (options_.own_weights && !on_weight()) {
      throw deneb::ConfigError("layer '" + site.layer +
                               "': own_weights is for quantizer.weight only");
    }
    alpha_ = register_parameter("alpha", torch::full({count()}, options_.alpha, place(site)));
    if (options_.own_weights) weights_ = register_parameter("weights", copies(site.weight));
  }

  // All widths are in the mixture at all times: the format says that the tensor is quantized, and
  // whether it is signed.
  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      std::string list;
      for (const bool is_signed : {false, true}) {
        for (const int bits : options_.widths) {
          const deneb::Format own = deneb::Format::integer(bits, is_signed);
          if (accepts(own)) list += own.text() + ", ";
        }
      }
      refuse("Mixture", format, list + "the widths that it mixes, and float32");
    }
    format_ = format;
  }

  std::vector<deneb::Format> formats() const override {
    std::vector<deneb::Format> formats;
    for (const int bits : options_.widths) {
      formats.push_back(deneb::Format::integer(bits, is_signed()));
    }
    return formats;
  }
  Tensor shares() const override { return alpha_.softmax(0); }
  Tensor logits() const override { return alpha_; }

  deneb::QuantizerTraits traits() const override {
    return {/*repeatable=*/true, /*takes_bfloat16=*/false, /*writes_over=*/true};
  }

  bool is_weight(const Tensor& parameter) const override {
    return weights_.defined() && parameter.is_same(weights_);
  }

  Tensor quantize(const Tensor& x) override {
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), "Mixture needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    if (!options_.own_weights) return mix(x, x);
    TORCH_CHECK(x.sizes() == weights_.sizes().slice(1), "Mixture with own_weights was made for ",
                weights_.sizes().slice(1), " weights, got ", x.sizes());
    return mix(x, weights_);
  }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return format.is_integer() && takes_sign(format.is_signed(), role) &&
           std::count(options_.widths.begin(), options_.widths.end(), format.bits) > 0;
  }
  virtual bool takes_sign(bool is_signed, Role role) const = 0;
  virtual bool is_signed() const = 0;
  /// `values` is x, or [F, ...] like x.
  virtual Tensor mix(const Tensor& x, const Tensor& values) = 0;

  const MixtureOptions& options() const { return options_; }
  std::int64_t count() const { return static_cast<std::int64_t>(options_.widths.size()); }
  static torch::TensorOptions place(const deneb::QuantizerSite& site) {
    return torch::TensorOptions(site.weight.device()).dtype(site.weight.scalar_type());
  }

 private:
  // One after the other in memory, each laid out as `weight`.
  Tensor copies(const Tensor& weight) const {
    const Tensor one = dense(weight.detach());
    std::vector<std::int64_t> sizes = {count()}, strides = {one.numel()};
    sizes.insert(sizes.end(), one.sizes().begin(), one.sizes().end());
    strides.insert(strides.end(), one.strides().begin(), one.strides().end());
    return at::empty_strided(sizes, strides, one.options()).copy_(one.unsqueeze(0));
  }

  const MixtureOptions options_;
  Tensor alpha_, weights_;
};

// Steps that suit normally distributed values.
class GaussianMixture final : public Mixture {
 public:
  explicit GaussianMixture(const MixtureOptions& options) : Mixture(options) {}

 protected:
  bool takes_sign(bool is_signed, Role role) const override {
    return is_signed == (role == Role::kWeight);
  }
  bool is_signed() const override { return on_weight(); }

  Tensor mix(const Tensor&, const Tensor& values) override {
    Rules rules;
    rules.kind = on_weight() ? MixtureKind::kMidRise : MixtureKind::kHalfWave;
    rules.own_values = options().own_weights;
    std::vector<double> unit;
    for (const int bits : options().widths) {
      const StepTable& built_in = on_weight() ? kWeightSteps : kActivationSteps;
      const double step = unit_step(options().step_table, built_in, bits),
                   half = std::exp2(bits - 1);
      unit.push_back(step);
      rules.low.push_back(on_weight() ? 1 - half : 0);
      rules.high.push_back(on_weight() ? half : half_wave_top(step, bits));
    }
    Tensor steps = torch::tensor(unit, values.options().requires_grad(false));
    if (on_weight()) steps.mul_(deviation(values));
    return MixtureFunction::apply(values, shares(), steps, rules);
  }

 private:
  // Of all values, or of those of each candidate.
  Tensor deviation(const Tensor& values) const {
    if (!options().own_weights) return weight_deviation(values);
    std::vector<Tensor> each;
    for (const Tensor& own : values.detach().unbind(0)) each.push_back(weight_deviation(own));
    return at::stack(each);
  }
};

// One learned step size to a width.
class LearnedMixture final : public Mixture, public deneb::StepBank {
 public:
  explicit LearnedMixture(const MixtureOptions& options) : Mixture(options) {}

  void attach(const deneb::QuantizerSite& site) override {
    Mixture::attach(site);
    signed_ = on_weight();
    initialized_ =
        register_buffer("initialized", torch::zeros({}, place(site).dtype(torch::kBool)));
    scale_ = register_parameter("scale", torch::ones({count()}, place(site)));
    if (!on_weight() || site.weight.numel() == 0) return;
    std::vector<Tensor> each;
    for (const int bits : widths()) {
      each.push_back(initial_weight_steps(site.weight.detach().reshape({1, -1}), bits));
    }
    torch::NoGradGuard no_grad;
    scale_.copy_(at::cat(each));
    initialized_.fill_(true);
  }

  void set_format(const deneb::Format& format) override {
    Mixture::set_format(format);
    if (format.is_float32() || format.is_signed() == signed_) return;
    signed_ = format.is_signed();
    if (on_weight()) return;  // its steps do not depend on the sign
    torch::NoGradGuard no_grad;
    scale_.fill_(1);
    initialized_.fill_(false);
  }

  std::vector<int> widths() const override { return options().widths; }
  Tensor steps() const override { return scale_; }

 protected:
  // int1 has no positive level.
  bool takes_sign(bool is_signed, Role) const override {
    return !is_signed || std::count(options().widths.begin(), options().widths.end(), 1) == 0;
  }
  bool is_signed() const override { return signed_; }

  Tensor mix(const Tensor& x, const Tensor& values) override {
    Rules rules;
    rules.own_values = options().own_weights;
    for (const deneb::Format& format : formats()) {
      const Levels levels = levels_of(format);
      rules.low.push_back(levels.low);
      rules.high.push_back(levels.high);
      rules.gain.push_back(
          step_gain(x, 1, options().gain == "sample" && !on_weight(), levels.high));
    }
    if (!on_weight() && !flag_.read(initialized_)) start_activation_steps(x.detach(), rules.high);
    return MixtureFunction::apply(values, shares(), scale_, rules);
  }

 private:
  void start_activation_steps(const Tensor& x, const std::vector<double>& high) {
    const auto mean = mean_magnitude(x);
    if (!mean) return;
    torch::NoGradGuard no_grad;
    for (std::size_t j = 0; j < high.size(); ++j) {
      scale_[static_cast<std::int64_t>(j)].fill_(initial_activation_step(*mean, high[j]));
    }
    initialized_.fill_(true);
  }

  bool signed_ = false;
  Tensor scale_, initialized_;
  CachedFlag flag_;
};

// The option `steps` decides on the class, so that only mixtures with learned steps are a StepBank.
void register_all(deneb::Registrar& r) {
  deneb::RegistryEntry entry;
  entry.kind = deneb::Quantizer::kKind;
  entry.name = "Mixture";
  entry.help =
      "softmax-weighted sum of quantizers of several widths (EdMIPS): HWGQ, or LSQ with a step "
      "size for each width";
  entry.options = [](deneb::OptionVisitor& visitor) {
    MixtureOptions fresh;
    visitor.visit(fresh);
  };
  entry.make = [](deneb::OptionVisitor& reader) -> std::shared_ptr<void> {
    MixtureOptions options;
    reader.visit(options);
    std::shared_ptr<deneb::Quantizer> made;
    if (options.steps == "lsq") {
      made = std::make_shared<LearnedMixture>(options);
    } else {
      made = std::make_shared<GaussianMixture>(options);
    }
    return made;
  };
  r.add_entry(std::move(entry));
}

}  // namespace

DENEB_PLUGIN("mixture", "0.2.0", "Mixture quantizer", register_all);
