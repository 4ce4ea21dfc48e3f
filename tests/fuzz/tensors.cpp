#include "tensors.h"

#include "fuzz.h"

namespace deneb::fuzz {

void touch(const TensorFile& file) {
  for (const auto& [name, tensor] : file.tensors) {
    require(tensor.defined(), "every tensor is defined", name);
    if (tensor.is_meta()) {
      require(file.unreadable.count(name) == 1, "a tensor without data has a reason", name);
      continue;
    }
    const std::int64_t item = tensor.element_size();
    const auto* bytes = static_cast<const volatile char*>(tensor.data_ptr());
    const auto sizes = tensor.sizes(), strides = tensor.strides();
    if (tensor.numel() == 0) continue;
    // The last element is the one farthest from the first.
    std::int64_t last = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) last += (sizes[i] - 1) * strides[i];
    for (std::int64_t i = 0; i < (last + 1) * item; ++i) (void)bytes[i];
  }
}

}  // namespace deneb::fuzz
