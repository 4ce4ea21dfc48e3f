#include "site_quantizer.h"

#include <cstdlib>
#include <string>

namespace deneb::quantizers {

bool takes_kernel(const torch::Tensor& x) {
  static const bool reference = [] {
    const char* set = std::getenv("DENEB_REFERENCE_KERNELS");
    return set != nullptr && std::string(set) == "1";
  }();
  return !reference && x.device().is_cpu() && x.scalar_type() == torch::kFloat32;
}

torch::Tensor dense(const torch::Tensor& x) {
  return x.is_non_overlapping_and_dense() ? x : x.contiguous(x.suggest_memory_format());
}

torch::Tensor laid_out_as(const torch::Tensor& x, const torch::Tensor& like) {
  return x.strides() == like.strides() ? x : at::empty_like(like).copy_(x);
}

bool CachedFlag::read(const torch::Tensor& flag) {
  const auto version = flag._version();
  if (!known_ || version != version_) {
    value_ = flag.item<bool>();
    version_ = version;
    known_ = true;
  }
  return value_;
}

void SiteQuantizer::attach(const QuantizerSite& site) {
  role_ = site.role;
  layer_ = site.layer;
}

void SiteQuantizer::refuse(const char* method, const Format& format,
                           const std::string& accepted) const {
  throw ConfigError("layer '" + layer_ + "': " + method + " cannot quantize " +
                    (on_weight() ? "weights" : "activations") + " to " + format.text() +
                    "; it can do " + accepted);
}

}  // namespace deneb::quantizers
