#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include <deneb/plugin/plugin.h>
#include <deneb/quant/step_bank.h>

#include "../common/learned_step.h"
#include "../common/site_quantizer.h"

namespace {

using deneb::quantizers::kSmallestStep;
using deneb::quantizers::Levels;
using torch::Tensor;

constexpr double kLargestStep = 1.0;  // of the option clamp_step; kSmallestStep is the other end

struct LsqOptions {
  bool symmetric = false;
  bool scale_grad = true;
  std::string gain = "sample";
  bool clamp_step = false;
  std::string granularity = "tensor";
  std::vector<int> widths;
  bool sat_linear_scale = false;

  template <class V>
  void visit(V& v) {
    v("symmetric", symmetric, "signed formats leave out the lowest level: -7 .. 7 for int4");
    v("scale_grad", scale_grad,
      "divide the gradient of the step size by sqrt(highest level * elements)");
    v("gain", gain,
      "elements that scale_grad counts: tensor, all that share the step; sample, of activations "
      "those of one sample (Esser et al.), so that the batch size does not matter. The same for "
      "weights",
      {"tensor", "sample"});
    v("clamp_step", clamp_step,
      "use the step size clamped to [1e-5, 1], without gradient outside (LIMPQ's indicator "
      "training)");
    v("granularity", granularity,
      "one step size for the tensor, or one for each output channel (weights only)",
      {"tensor", "channel"});
    v("widths", widths,
      "a bank: one step size for each of these widths, all of them kept when the format changes; "
      "empty = one step size that starts anew with every format",
      {1, 16});
    v("sat_linear_scale", sat_linear_scale,
      "multiply the quantized weights of linear layers by 1 / (sqrt(outputs) * their standard "
      "deviation) (SAT), so that few bits do not change the scale of the logits; weights only");
  }
  void check(deneb::OptionErrors& errors) const {
    if (std::set<int>(widths.begin(), widths.end()).size() != widths.size()) {
      errors.add("widths", "names a width twice");
    }
  }
};

class Lsq final : public deneb::quantizers::SiteQuantizer, public deneb::StepBank {
 public:
  using Options = LsqOptions;
  explicit Lsq(const Options& options) : options_(options) {}

  void attach(const deneb::QuantizerSite& site) override {
    SiteQuantizer::attach(site);
    if (by_channel() && !on_weight()) {
      throw deneb::ConfigError("layer '" + site.layer +
                               "': LSQ has one step size for all activations of a layer; set "
                               "granularity of quantizer.activation to \"tensor\"");
    }
    if (options_.sat_linear_scale && !on_weight()) {
      throw deneb::ConfigError("layer '" + site.layer +
                               "': sat_linear_scale is for quantizer.weight only");
    }
    if (on_weight()) weight_ = site.weight;
    const auto place = torch::TensorOptions(site.weight.device());
    std::vector<std::int64_t> shape;
    if (bank()) shape.push_back(static_cast<std::int64_t>(options_.widths.size()));
    initialized_ = register_buffer("initialized", torch::zeros(shape, place.dtype(torch::kBool)));
    if (by_channel()) shape.push_back(weight_.size(0));
    scale_ =
        register_parameter("scale", torch::ones(shape, place.dtype(site.weight.scalar_type())));
    if (!bank() || !on_weight() || weight_.numel() == 0) return;
    torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < options_.widths.size(); ++i) {
      scale_[static_cast<std::int64_t>(i)].copy_(weight_step(options_.widths[i]));
    }
    initialized_.fill_(true);
  }

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      refuse("LSQ", format,
             has_grid(format) ? "the widths of its bank (" + bank_text() + ") and float32"
                              : "int2 .. int16, uint1 .. uint16 and float32");
    }
    if (format == format_) return;
    if (bank() && !format.is_float32()) entry_ = *entry_of(format.bits);
    format_ = format;
    if (format.is_float32()) return;
    levels_ = deneb::quantizers::levels_of(format, options_.symmetric);
    flag_.forget();
    if (bank()) return;
    torch::NoGradGuard no_grad;
    scale_.fill_(1);
    initialized_.fill_(false);
    if (on_weight() && weight_.numel() > 0) {
      scale_.copy_(weight_step(format.bits));
      initialized_.fill_(true);
    }
  }

  std::vector<int> widths() const override { return options_.widths; }
  Tensor steps() const override { return scale_; }

  deneb::QuantizerTraits traits() const override {
    return {/*repeatable=*/true, /*takes_bfloat16=*/true, /*writes_over=*/true};
  }

  Tensor quantize(const Tensor& x) override {
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), "LSQ needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    if (!on_weight() && !is_initialized()) start_activation_step(x.detach());
    const Tensor own = entry(scale_);
    const Tensor step = options_.clamp_step ? own.clamp(kSmallestStep, kLargestStep) : own;
    const Tensor y =
        deneb::quantizers::on_learned_grid(x, step, levels_.low, levels_.high, gain(x, step));
    return options_.sat_linear_scale && x.dim() == 2 ? y * sat_scale(y.detach()) : y;
  }

 protected:
  bool takes(const deneb::Format& format, Role) const override {
    return has_grid(format) && (!bank() || entry_of(format.bits));
  }

 private:
  // Scale-adjusted training (Jin et al. 2019, arXiv 1912.10207) for the weight of a linear layer,
  // [outputs, inputs]; without gradient.
  // Differs from LIMPQ, which trains with the scale, evaluates without it and divides the bias by
  // it instead, so that its losses of training and evaluation do not compare.
  static Tensor sat_scale(const Tensor& weight) {
    const Tensor deviation = weight.std(/*unbiased=*/true).clamp_min(kSmallestStep);
    return (deviation * std::sqrt(double(weight.size(0)))).reciprocal();
  }

  // Differs from the paper where the option `gain` is "tensor": every sample of the batch counts,
  // as in LIMPQ's code.
  double gain(const Tensor& x, const Tensor& step) const {
    if (!options_.scale_grad) return 1;
    return deneb::quantizers::step_gain(x, step.numel(), options_.gain == "sample" && !on_weight(),
                                        levels_.high);
  }

  bool by_channel() const { return options_.granularity == "channel"; }
  bool bank() const { return !options_.widths.empty(); }
  Tensor entry(const Tensor& of) const { return bank() ? of.select(0, entry_) : of; }
  // int1 has no positive level: neither its initial step nor its gradient scale is finite.
  static bool has_grid(const deneb::Format& format) {
    return is_integer_width(format) && (!format.is_signed() || format.bits >= 2);
  }
  std::optional<std::int64_t> entry_of(int width) const {
    const auto found = std::find(options_.widths.begin(), options_.widths.end(), width);
    if (found == options_.widths.end()) return std::nullopt;
    return found - options_.widths.begin();
  }
  std::string bank_text() const {
    std::string list;
    for (const int width : options_.widths) {
      list += (list.empty() ? "" : ", ") + std::to_string(width);
    }
    return list;
  }

  // Of all weights or of each output channel.
  Tensor weight_step(int bits) const {
    const Tensor w = weight_.detach();
    const Tensor steps = deneb::quantizers::initial_weight_steps(
        by_channel() ? w.flatten(1) : w.reshape({1, -1}), bits);
    return by_channel() ? steps : steps.squeeze(0);
  }

  // Differs from LIMPQ, which does this in training only and would evaluate an untrained policy
  // with a step of 1: here the first batch counts in evaluation too. A batch of zeros tells
  // nothing, and one with NaN or infinity nothing good; the step then stays 1 until the next.
  void start_activation_step(const Tensor& x) {
    const std::optional<double> mean = deneb::quantizers::mean_magnitude(x);
    if (!mean) return;
    torch::NoGradGuard no_grad;
    entry(scale_).fill_(deneb::quantizers::initial_activation_step(*mean, levels_.high));
    entry(initialized_).fill_(true);
  }

  bool is_initialized() { return flag_.read(entry(initialized_)); }

  Options options_;
  Levels levels_{0, 1};
  std::int64_t entry_ = 0;  // of the bank
  Tensor weight_, scale_, initialized_;
  deneb::quantizers::CachedFlag flag_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, Lsq>("LSQ",
                               "learned step size (Esser et al. 2020), per tensor or channel; or a "
                               "bank of them, one per width");
}

}  // namespace

DENEB_PLUGIN("lsq", "0.1.0", "LSQ quantizer", register_all);
