#include <deneb/nn/batch.h>

namespace deneb {

Batch Batch::to(torch::Device device) const {
  Batch moved;
  for (const auto& [name, tensor] : tensors) moved.tensors[name] = tensor.to(device);
  return moved;
}

}  // namespace deneb
