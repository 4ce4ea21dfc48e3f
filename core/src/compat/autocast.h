#pragma once

#include <ATen/autocast_mode.h>
#include <torch/types.h>
#include <torch/version.h>

/// LibTorch's mixed precision, whose calls changed their names in 2.4.
namespace deneb::detail {

/// While alive, operators that gain from it (convolutions, products) compute in bfloat16 on the
/// given kind of device; on this thread.
class Bfloat16Autocast {
 public:
  Bfloat16Autocast(bool on, torch::Device device) : on_(on), type_(device.type()) {
    if (on_) set(true);
  }
  ~Bfloat16Autocast() {
    if (!on_) return;
    set(false);
    at::autocast::clear_cache();
  }
  Bfloat16Autocast(const Bfloat16Autocast&) = delete;
  Bfloat16Autocast& operator=(const Bfloat16Autocast&) = delete;

 private:
  void set(bool enabled) const {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
    if (enabled) at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::set_autocast_enabled(type_, enabled);
#else
    if (type_ == at::kCPU) {
      if (enabled) at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
      at::autocast::set_cpu_enabled(enabled);
    } else {
      if (enabled) at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
      at::autocast::set_enabled(enabled);
    }
#endif
  }

  bool on_;
  c10::DeviceType type_;
};

}  // namespace deneb::detail
