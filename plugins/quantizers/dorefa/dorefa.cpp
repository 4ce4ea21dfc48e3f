#include <deneb/plugin/plugin.h>

#include "../common/dorefa_activation.h"
#include "../common/dorefa_weight.h"
#include "../common/site_quantizer.h"

namespace {

using torch::Tensor;

class DoReFa final : public deneb::quantizers::SiteQuantizer {
 public:
  using Options = deneb::NoOptions;
  explicit DoReFa(const Options&) {}

  void set_format(const deneb::Format& format) override {
    if (!accepts(format)) {
      refuse(
          "DoReFa", format,
          on_weight() ? "int1 .. int16 and float32" : "uint1 .. uint16, int1 .. int16 and float32");
    }
    format_ = format;
  }

  Tensor quantize(const Tensor& x) override {
    // Differs from Vega (32 bits = ReLU on activations): float32 leaves the tensor as it is.
    if (format_.is_float32()) return x;
    if (on_weight()) return deneb::quantizers::dorefa_weight(x, format_.bits);
    return deneb::quantizers::dorefa_activation(x, format_.bits, format_.is_signed());
  }

 protected:
  bool takes(const deneb::Format& format, Role role) const override {
    return is_integer_width(format) && (role == Role::kActivation || format.is_signed());
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Quantizer, DoReFa>(
      "DoReFa", "weights by tanh and maximum, activations clipped to [0, 1] (Zhou et al. 2016)");
}

}  // namespace

DENEB_PLUGIN("dorefa", "0.1.0", "DoReFa quantizer", register_all);
