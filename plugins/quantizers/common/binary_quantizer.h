#pragma once

#include "sign.h"
#include "site_quantizer.h"

namespace deneb::quantizers {

/// A quantizer to one bit: int1, and uint1 for activations, which takes negative values as 0. What
/// weights and activations become is left to the method.
class BinaryQuantizer : public SiteQuantizer {
 public:
  void set_format(const Format& format) final {
    if (!accepts(format)) {
      refuse(method_, format, on_weight() ? "int1 and float32" : "int1, uint1 and float32");
    }
    format_ = format;
  }
  torch::Tensor quantize(const torch::Tensor& x) final {
    if (format_.is_float32()) return x;
    TORCH_CHECK(x.is_floating_point(), method_, " needs a float tensor, got ", x.scalar_type());
    if (x.numel() == 0) return x.clone();
    if (on_weight()) return weight(x);
    return format_.is_signed() ? activation(x, true) : activation(x.clamp_min(0), false);
  }

 protected:
  /// `method` is its name in messages, a literal.
  explicit BinaryQuantizer(const char* method) : method_(method) {}
  bool takes(const Format& format, Role role) const final {
    return format.is_integer() && format.bits == 1 &&
           (format.is_signed() || role == Role::kActivation);
  }
  virtual torch::Tensor weight(const torch::Tensor& w) = 0;
  /// Unsigned: `x` has no negative values, and becomes 0 or 1.
  virtual torch::Tensor activation(const torch::Tensor& x, bool is_signed) = 0;

 private:
  const char* method_;
};

}  // namespace deneb::quantizers
