#pragma once

#include <optional>

#include "groups.h"
#include "histogram.h"
#include "range.h"
#include "site_quantizer.h"

namespace deneb::quantizers {

/// The value of its group for each element of `like`, whose memory holds the groups in order; a
/// scalar where there is one value for all.
torch::Tensor spread(const torch::Tensor& values, const Groups& groups, const torch::Tensor& like);

/// A quantizer whose grid is laid over a range of values that it finds itself: cuts tensors into
/// groups, keeps or renews their bounds, and collects what calibration shows. Saved with the
/// weights, unless the bounds are renewed with every tensor: buffers `low`, `high` and
/// `range_known`.
class RangedQuantizer : public SiteQuantizer {
 public:
  using Tensor = torch::Tensor;

  void attach(const QuantizerSite& site) final;
  void set_format(const Format& format) final;
  Tensor quantize(const Tensor& x) final;
  QuantizerTraits traits() const final;
  bool needs_calibration() const final;
  void start_calibration() final;
  void finish_calibration() final;

 protected:
  explicit RangedQuantizer(const RangeOptions& options) : options_(options) {}

  /// ConfigError for a format that the method does not accept.
  [[noreturn]] virtual void refuse_format(const Format& format) const = 0;
  /// Does only the larger of |low| and |high| matter?
  virtual bool symmetric() const = 0;
  /// Highest level + 1, for the entropy search.
  virtual std::int64_t magnitudes() const = 0;
  /// Values [G, K] on the grids of `bounds`, without gradient, any dtype.
  virtual Tensor simulate(const Tensor& values, const Bounds& bounds) const = 0;
  /// After attach(), and after new bounds were set: for state that follows from them.
  virtual void attached(const QuantizerSite&) {}
  virtual void bounds_set(const Bounds&) {}
  /// `x` (contiguous rows, see Groups) on the grids of `bounds`, with gradient.
  virtual Tensor fake_quantize(const Tensor& x, const Groups& groups, const Bounds& bounds) = 0;

 private:
  bool dynamic() const { return options_.update == "dynamic"; }
  Tensor in_rows(const Tensor& x) const;
  Groups groups_of(const Tensor& x) const;
  Bounds bounds_of(const Tensor& x, const Groups& groups) const;
  Bounds find(const Sample& sample) const;
  void keep(const Bounds& bounds);
  void follow(const Tensor& x, const Groups& groups);
  bool is_known() const;

  const RangeOptions options_;
  Tensor weight_, low_, high_, known_;
  std::optional<Histogram> observed_;  // while calibrating activations
  mutable CachedFlag flag_;
};

}  // namespace deneb::quantizers
