#include "ranged_quantizer.h"

namespace deneb::quantizers {
namespace {

using torch::Tensor;

// Zeros tell nothing about a range, and NaN and infinity nothing good.
bool tells_something(const Bounds& bounds) {
  const Tensor reach = at::maximum(bounds.low.abs(), bounds.high.abs());
  return reach.isfinite().all().item<bool>() && reach.gt(0).any().item<bool>();
}

}  // namespace

Tensor spread(const Tensor& values, const Groups& groups, const Tensor& like) {
  if (values.numel() == 1) return values.select(0, 0);
  const Tensor rows = values.view({groups.rows, groups.per_row()})
                          .repeat_interleave(groups.group, 1)
                          .narrow(1, 0, groups.columns)
                          .contiguous();
  return rows.as_strided(like.sizes(), like.strides());
}

void RangedQuantizer::attach(const QuantizerSite& site) {
  SiteQuantizer::attach(site);
  const std::string& unit = options_.granularity;
  const auto wrong = [&](const std::string& text) {
    throw ConfigError("layer '" + site.layer + "': " + text);
  };
  if (on_weight()) {
    if (unit == "token") wrong("granularity token is for activations; weights take channel");
    if (options_.update == "average") {
      wrong("update average is for activations; weights take static or dynamic");
    }
    weight_ = site.weight;
  } else {
    if (unit == "channel") wrong("granularity channel is for weights; activations take token");
    if (unit != "tensor" && !dynamic()) {
      wrong("granularity " + unit + " of activations needs update dynamic: tokens come and go");
    }
  }
  if (options_.range == "entropy") {
    if (!symmetric())
      wrong("range entropy searches one end only; set symmetric to true or take mse");
    // A histogram of few values says nothing, and the search is too slow for every batch.
    if (unit != "tensor" || dynamic()) {
      wrong("range entropy needs granularity tensor and a range that stays; take mse");
    }
  }
  attached(site);
  if (dynamic()) return;
  const std::int64_t count = on_weight() ? groups_of(site.weight).count() : 1;
  const auto like = torch::TensorOptions(site.weight.device()).dtype(site.weight.scalar_type());
  low_ = register_buffer("low", torch::zeros({count}, like));
  high_ = register_buffer("high", torch::zeros({count}, like));
  known_ = register_buffer("range_known", torch::zeros({}, like.dtype(torch::kBool)));
}

void RangedQuantizer::set_format(const Format& format) {
  if (!accepts(format)) refuse_format(format);
  if (format == format_) return;
  format_ = format;
  if (format.is_float32() || dynamic()) return;
  torch::NoGradGuard no_grad;
  known_.fill_(false);
  if (on_weight() && weight_.numel() > 0) {
    keep(bounds_of(in_rows(weight_.detach()), groups_of(weight_)));
  }
}

QuantizerTraits RangedQuantizer::traits() const {
  // A moving average of ranges moves with every training pass; a dynamic range would be searched
  // once more for the gradient.
  const bool moves = dynamic() || (options_.update == "average" && is_training());
  return {!moves, false, false};
}

bool RangedQuantizer::needs_calibration() const {
  return !format_.is_float32() && !on_weight() && !dynamic() && !is_known();
}

void RangedQuantizer::start_calibration() { observed_.emplace(options_.range == "max"); }

void RangedQuantizer::finish_calibration() {
  if (!observed_) return;
  if (!observed_->empty() && !format_.is_float32()) {
    const Bounds found = find(observed_->sample());
    if (tells_something(found)) keep(found);
  }
  observed_.reset();
}

Tensor RangedQuantizer::quantize(const Tensor& x) {
  if (format_.is_float32()) return x;
  TORCH_CHECK(x.is_floating_point(), "quantizers need a float tensor, got ", x.scalar_type());
  if (observed_) {
    observed_->add(x);
    return x;
  }
  if (x.numel() == 0) return x.clone();
  const Groups groups = groups_of(x);
  const Tensor rows = in_rows(x);
  if (!on_weight() && !dynamic()) follow(rows.detach(), groups);
  const bool kept = !dynamic() && is_known();
  const Tensor y =
      fake_quantize(rows, groups, kept ? Bounds{low_, high_} : bounds_of(rows.detach(), groups));
  return rows.is_same(x) ? y : y.contiguous(x.suggest_memory_format());
}

// `x` itself where its values lie in memory in the order of the groups, else a copy that does.
Tensor RangedQuantizer::in_rows(const Tensor& x) const {
  const std::string& unit = options_.granularity;
  if (unit == "tensor" && x.is_non_overlapping_and_dense()) return x;
  if (unit == "channel" && has_dense_rows(x)) return x;
  const bool by_channels = x.dim() == 4 && (unit == "token" || unit == "group");
  return x.contiguous(by_channels ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

// Rows: output channels of weights; tokens of activations, which are the vectors over the channels
// of every pixel, or over the last dimension where there are no pixels.
Groups RangedQuantizer::groups_of(const Tensor& x) const {
  const std::string& unit = options_.granularity;
  if (unit == "tensor" || x.numel() == 0 || x.dim() == 0) return Groups::whole(x.numel());
  Groups groups;
  groups.columns = on_weight() ? x.numel() / x.size(0) : x.size(x.dim() == 4 ? 1 : -1);
  groups.rows = x.numel() / groups.columns;
  groups.group = unit == "group" ? std::min(options_.group_size, groups.columns) : groups.columns;
  return groups;
}

// `x` as in_rows() gives it.
Bounds RangedQuantizer::bounds_of(const Tensor& x, const Groups& groups) const {
  const Tensor rows = x.as_strided({groups.rows, groups.columns}, {groups.columns, 1});
  const std::int64_t full = groups.columns / groups.group, rest = groups.columns % groups.group;
  if (rest == 0) return find({rows.reshape({-1, groups.group}), {}});
  // A shorter group at the end of every row.
  const auto part = [&](std::int64_t begin, std::int64_t count, std::int64_t size) {
    Bounds found = find({rows.narrow(1, begin, count * size).reshape({-1, size}), {}});
    return Bounds{found.low.view({groups.rows, count}), found.high.view({groups.rows, count})};
  };
  const Bounds whole = part(0, full, groups.group), last = part(full * groups.group, 1, rest);
  return {at::cat({whole.low, last.low}, 1).view(-1), at::cat({whole.high, last.high}, 1).view(-1)};
}

Bounds RangedQuantizer::find(const Sample& sample) const {
  torch::NoGradGuard no_grad;
  const RangeTask task{
      options_, symmetric(), magnitudes(),
      [this](const Tensor& values, const Bounds& bounds) { return simulate(values, bounds); }};
  const Bounds found = find_range(task, sample);
  return {found.low * options_.range_factor, found.high * options_.range_factor};
}

void RangedQuantizer::keep(const Bounds& bounds) {
  torch::NoGradGuard no_grad;
  low_.copy_(bounds.low);
  high_.copy_(bounds.high);
  known_.fill_(true);
  bounds_set(bounds);
}

// The range of activations: that of the first batch that tells something, and then, if asked for,
// a moving average while training.
void RangedQuantizer::follow(const Tensor& x, const Groups& groups) {
  const bool first = !is_known();
  if (!first && !(options_.update == "average" && is_training())) return;
  const Bounds now = bounds_of(x, groups);
  if (!tells_something(now)) return;
  if (first) return keep(now);
  keep({low_.lerp(now.low, 1 - options_.momentum), high_.lerp(now.high, 1 - options_.momentum)});
}

bool RangedQuantizer::is_known() const { return flag_.read(known_); }

}  // namespace deneb::quantizers
