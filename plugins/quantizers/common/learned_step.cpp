#include "learned_step.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <deneb/quant/buffer_handover.h>

#include "site_quantizer.h"
#include "uniform_kernel.h"

namespace deneb::quantizers {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A step for all of x, or one for each index of dimension 0.
Groups groups_of(const Tensor& x, const Tensor& step) {
  if (step.dim() == 0) return Groups::whole(x.numel());
  const std::int64_t columns = x.numel() / x.size(0);
  return {x.size(0), columns, columns};
}

// `x` itself where a kernel can walk it from end to end, with the groups in order, else a copy.
Tensor walkable(const Tensor& x, const Tensor& step) {
  const bool in_order = step.dim() == 0 || has_dense_rows(x);
  return in_order ? dense(x) : x.contiguous();
}

std::vector<float> values_of(const Tensor& steps) {
  if (steps.dim() == 0) return {steps.item<float>()};
  const Tensor flat = steps.to(torch::kFloat32).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

std::vector<UniformGrid> grids_of(const std::vector<float>& steps, double low, double high) {
  std::vector<UniformGrid> grids;
  grids.reserve(steps.size());
  for (const float step : steps) grids.push_back({magnitude(step), float(low), float(high)});
  return grids;
}

// `fn` with the memory of the tensors, all of them float32 or all bfloat16.
template <class Fn, class... Tensors>
auto with_values(const Fn& fn, const Tensor& first, const Tensors&... others) {
  const auto memory = [](auto type, const Tensor& t) {
    return t.defined() ? static_cast<decltype(type)*>(t.data_ptr()) : nullptr;
  };
  if (first.scalar_type() == torch::kFloat32) {
    return fn(memory(0.f, first), memory(0.f, others)...);
  }
  const Bfloat16 type{};
  return fn(memory(type, first), memory(type, others)...);
}

// y = round(clamp(x / s, low, high)) s, and Esser et al. 2020 (arXiv 1902.08153), equations 3 to 5,
// backward. `step` is a scalar or has an entry for each index of dimension 0; `gain` is its
// gradient scale. bfloat16 is computed in float32.
class LsqFunction final : public torch::autograd::Function<LsqFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& step, double low,
                        double high, double gain) {
    ctx->saved_data["low"] = low;
    ctx->saved_data["high"] = high;
    ctx->saved_data["gain"] = gain;
    if (!takes_kernel_or_bfloat16(x)) {
      ctx->save_for_backward({x, step});
      const Tensor used = along_rows(magnitude(step), x);
      Tensor y = in_float(x).div(used).clamp_(low, high).round_().mul_(used);
      return y.to(x.scalar_type());
    }
    // Saved in the layout that the kernel walks. This holds no memory where the layer before keeps
    // its output for its own gradient, as ReLU does.
    const Tensor walked = walkable(x, step);
    ctx->save_for_backward({walked, step});
    // Without gradients nobody reads the input again, if it was handed over.
    Tensor y = take_over(walked) ? walked : at::empty_like(walked);
    const auto grids = grids_of(values_of(step), low, high);
    with_values([&](const auto* from,
                    auto* to) { uniform_forward(from, to, groups_of(walked, step), grids.data()); },
                walked, y);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    refuse_second_derivative();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &step = saved[1], &g = gradients[0];
    const double low = ctx->saved_data["low"].toDouble();
    const double high = ctx->saved_data["high"].toDouble();
    const double gain = ctx->saved_data["gain"].toDouble();
    Tensor dx, dstep;
    if (takes_kernel_or_bfloat16(x)) {
      const Tensor upstream = laid_out_as(g, x);
      if (ctx->needs_input_grad(0)) {
        const bool ours = !upstream.is_same(g) || take_over(g);
        dx = ours ? upstream : at::empty_like(x);
      }
      const std::vector<float> steps = values_of(step);
      const auto grids = grids_of(steps, low, high);
      std::vector<double> sums = with_values(
          [&](const auto* from, const auto* up, auto* to) {
            return uniform_backward(from, up, to, groups_of(x, step), grids.data());
          },
          x, upstream, dx);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] *= steps[i] < 0 ? -gain : gain;
      if (ctx->needs_input_grad(1)) dstep = torch::tensor(sums, step.options()).view(step.sizes());
      return {dx, dstep, Tensor(), Tensor(), Tensor()};
    }
    Tensor v = in_float(x).div(along_rows(magnitude(step), x));
    const Tensor outside = v.ge(low).logical_and_(v.le(high)).logical_not_();
    if (ctx->needs_input_grad(0)) dx = g.masked_fill(outside, 0);
    if (ctx->needs_input_grad(1)) {
      // Inside: round(v) - v; outside: the level that v was clipped to.
      Tensor slope = v.clamp(low, high).round_().sub_(v.masked_fill_(outside, 0)).mul_(in_float(g));
      dstep = (step.dim() == 0 ? slope.sum() : slope.flatten(1).sum(1)).mul_(gain);
      dstep = at::where(step.lt(0), dstep.neg(), dstep).to(step.scalar_type());
    }
    return {dx, dstep, Tensor(), Tensor(), Tensor()};
  }

 private:
  static Tensor in_float(const Tensor& x) {
    return x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat32) : x;
  }
  static Tensor along_rows(const Tensor& step, const Tensor& x) {
    if (step.dim() == 0) return step;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[0] = -1;
    return step.view(shape);
  }
};

}  // namespace

Tensor on_learned_grid(const Tensor& x, const Tensor& step, double low, double high, double gain) {
  return LsqFunction::apply(x, step, low, high, gain);
}

Levels levels_of(const Format& format, bool symmetric) {
  if (!format.is_signed()) return {0, std::exp2(format.bits) - 1};
  const double half = std::exp2(format.bits - 1);
  return {symmetric ? 1 - half : -half, half - 1};
}

float magnitude(float step) { return std::max(std::abs(step), float(kSmallestStep)); }
Tensor magnitude(const Tensor& step) { return step.abs().clamp_min_(kSmallestStep); }

Tensor initial_weight_steps(const Tensor& rows, int bits) {
  const Tensor mean = rows.mean(1);
  const Tensor spread =
      rows.size(1) > 1 ? rows.std(1, /*unbiased=*/true) * 3 : torch::zeros_like(mean);
  const Tensor reach = at::maximum((mean - spread).abs(), (mean + spread).abs());
  return reach.div(std::exp2(bits - 1)).clamp_min(kSmallestStep);
}

std::optional<double> mean_magnitude(const Tensor& x) {
  torch::NoGradGuard no_grad;
  const double mean = x.abs().mean().item<double>();
  if (!(mean > 0) || !std::isfinite(mean)) return std::nullopt;
  return mean;
}

double initial_activation_step(double mean_magnitude, double high) {
  return std::max(2 * mean_magnitude / std::sqrt(high), kSmallestStep);
}

double step_gain(const Tensor& x, std::int64_t steps, bool one_sample, double high) {
  const std::int64_t sharing = x.numel() / (one_sample && x.dim() > 0 ? x.size(0) : steps);
  return 1 / std::sqrt(high * double(sharing));
}

}  // namespace deneb::quantizers
