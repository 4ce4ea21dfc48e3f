#include <deneb/quant/layer_info.h>

namespace deneb {

std::int64_t unrounded_macs(const LayerInfo& layer) {
  if (layer.stride.size() != 2 || layer.input_shape.size() != 3) return layer.macs;
  double area = 1;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = layer.dilation[i] * (layer.weight_shape[i + 2] - 1) + 1;
    const std::int64_t room = layer.input_shape[i + 1] + 2 * layer.padding[i] - reach;
    area *= double(room) / double(layer.stride[i]) + 1;
  }
  return static_cast<std::int64_t>(area) * layer.weights;
}

double input_extent_macs(const LayerInfo& layer) {
  if (layer.stride.size() != 2 || layer.input_shape.size() != 3) return double(layer.macs);
  return double(layer.weights) / double(layer.stride[0] * layer.stride[1]) *
         double(layer.input_shape[1] * layer.input_shape[2]);
}

}  // namespace deneb
