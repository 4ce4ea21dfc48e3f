#include "train/placement.h"

namespace deneb::detail {

void use_channels_last(Network& network) {
  for (torch::Tensor& p : network.parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

Batch on_device(const Batch& batch, torch::Device device, bool channels_last) {
  Batch moved = device.is_cpu() ? batch : batch.to(device);
  if (channels_last && moved.input().dim() == 4) {
    moved["input"] = moved.input().contiguous(at::MemoryFormat::ChannelsLast);
  }
  return moved;
}

}  // namespace deneb::detail
