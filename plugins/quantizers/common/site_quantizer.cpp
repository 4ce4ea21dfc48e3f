#include "site_quantizer.h"

#include <cstdlib>
#include <cstring>
#include <string>

namespace deneb::quantizers {

namespace {

// Read at every call, which is cheap beside a pass over a tensor, so that tests can compare both.
bool wants_reference() {
  const char* set = std::getenv("DENEB_REFERENCE_KERNELS");
  return set != nullptr && std::strcmp(set, "1") == 0;
}

}  // namespace

bool takes_kernel(const torch::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat32 && !wants_reference();
}

bool takes_kernel_or_bfloat16(const torch::Tensor& x) {
  return takes_kernel(x) ||
         (x.device().is_cpu() && x.scalar_type() == torch::kBFloat16 && !wants_reference());
}

torch::Tensor dense(const torch::Tensor& x) {
  return x.is_non_overlapping_and_dense() ? x : x.contiguous(x.suggest_memory_format());
}

bool has_dense_rows(const torch::Tensor& x) {
  return x.is_non_overlapping_and_dense() &&
         (x.dim() < 2 || x.numel() == 0 || x.stride(0) == x.numel() / x.size(0));
}

torch::Tensor laid_out_as(const torch::Tensor& x, const torch::Tensor& like) {
  return x.strides() == like.strides() ? x : at::empty_like(like).copy_(x);
}

void refuse_second_derivative() {
  TORCH_CHECK(!at::GradMode::is_enabled(),
              "a quantizer has no second derivative; take it from the float network");
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

bool SiteQuantizer::accepts(const Format& format) const {
  if (format.is_float32()) return true;
  if (role_) return takes(format, *role_);
  return takes(format, Role::kWeight) || takes(format, Role::kActivation);
}

void SiteQuantizer::refuse(const char* method, const Format& format,
                           const std::string& accepted) const {
  throw ConfigError("layer '" + layer_ + "': " + method + " cannot quantize " +
                    (on_weight() ? "weights" : "activations") + " to " + format.text() +
                    "; it can do " + accepted);
}

}  // namespace deneb::quantizers
