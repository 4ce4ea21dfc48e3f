#pragma once

#include <string>

#include <deneb/errors.h>
#include <deneb/io/safetensors.h>

namespace deneb {

/// How much of a weight file is looked at.
enum class WeightCheck {
  kData,    ///< checksums, where the format has some
  kHeaders  ///< names, types and shapes only
};

/// Weights as everybody stores them. `path` is
///   - a safetensors file,
///   - a file that PyTorch's torch.save() wrote (.pt, .pth, .bin; as zip archive or in the form
///     before it) with a state_dict or a checkpoint that holds one under one of the usual keys:
///     state_dict, model_state_dict, model, net, network, weights, module. Containers and
///     tensors are read, every other object is refused by its name, nothing is executed,
///   - an index of shards (*.index.json), with the shards beside it,
///   - a folder in Hugging Face's layout: model.safetensors, model.safetensors.index.json,
///     pytorch_model.bin or pytorch_model.bin.index.json, the first of these that is there.
/// What a file is, its first bytes say. Tensors are views of the mapped files as in
/// read_safetensors. A tensor that cannot be read (a type that is not supported) is listed in
/// `unreadable` and hurts only who uses it. DataError for anything else that is wrong, and for
/// formats that are known but not read, with what to do.
DENEB_API TensorFile read_weights(const std::string& path, WeightCheck check = WeightCheck::kData);

}  // namespace deneb
