#include "calibration_set.h"

#include <torch/utils.h>

#include <algorithm>
#include <map>

#include <deneb/errors.h>
#include <deneb/interrupt.h>

namespace deneb::reconstruction {
namespace {

using torch::Tensor;

Tensor placed(const Tensor& x, torch::Device device) {
  const Tensor moved = x.to(device);
  return moved.dim() == 4 ? moved.contiguous(at::MemoryFormat::ChannelsLast) : moved;
}

// Zeros behind the tokens, up to `length`.
Tensor padded(const Tensor& x, std::int64_t length) {
  if (x.dim() != 2 || x.size(1) >= length) return x;
  return at::constant_pad_nd(x, {0, length - x.size(1)}, 0);
}

}  // namespace

CalibrationSet::CalibrationSet(const DataLoader& data, std::uint64_t seed, std::int64_t samples,
                               torch::Device device) {
  std::vector<Batch> batches;
  std::int64_t found = 0, longest = 0;
  bool uneven = false;
  StoppableStream stream(data.train(seed, /*epoch=*/0));
  Batch batch;
  while (found < samples && stream.next(batch)) {
    batch.tensors.erase("target");
    const std::int64_t count = std::min(batch.size(), samples - found);
    for (auto& entry : batch.tensors) entry.second = entry.second.narrow(0, 0, count);
    found += count;
    const Tensor& input = batch.input();
    if (input.dim() == 2 && !input.is_floating_point()) {
      uneven = uneven || (longest > 0 && input.size(1) != longest);
      longest = std::max(longest, input.size(1));
    }
    batches.push_back(batch);
  }
  if (batches.empty()) throw RunError("BlockReconstruction: there are no training samples");
  std::map<std::string, std::vector<Tensor>> parts;
  for (Batch& part : batches) {
    if (uneven && part.tensors.count("attention_mask") == 0) {
      part["attention_mask"] = at::ones_like(part.input());
    }
    for (const auto& [name, tensor] : part.tensors) {
      parts[name].push_back(longest > 0 ? padded(tensor, longest) : tensor);
    }
  }
  for (const auto& [name, tensors] : parts) {
    const Tensor all = placed(at::cat(tensors), device);
    if (name == "input") input_ = all;
    // Units behind the first have no use for images.
    if (name != "input" || all.dim() != 4) beside_[name] = all;
    if (name == "attention_mask") positions_ = all.to(torch::kFloat32);
  }
}

Batch CalibrationSet::beside(const Tensor& samples) const {
  Batch some;
  for (const auto& [name, tensor] : beside_.tensors) some[name] = rows(tensor, samples);
  return some;
}

Batch CalibrationSet::beside(std::int64_t begin, std::int64_t count) const {
  Batch some;
  for (const auto& [name, tensor] : beside_.tensors) some[name] = tensor.narrow(0, begin, count);
  return some;
}

Tensor rows(const Tensor& all, const Tensor& samples) {
  if (all.dim() != 4) return all.index_select(0, samples);
  return all.permute({0, 2, 3, 1}).index_select(0, samples).permute({0, 3, 1, 2});
}

Tensor run(const Block& unit, const Tensor& input, const CalibrationSet& set, std::int64_t count) {
  torch::NoGradGuard no_grad;
  Tensor all;
  for (std::int64_t begin = 0; begin < count; begin += kPart) {
    throw_if_stopping();
    const std::int64_t part = std::min(kPart, count - begin);
    const Tensor y = unit.forward(input.narrow(0, begin, part), set.beside(begin, part));
    if (!all.defined()) {
      std::vector<std::int64_t> shape = y.sizes().vec();
      shape[0] = count;
      const auto layout =
          y.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      all = at::empty(shape, y.options().memory_format(layout));
    }
    all.narrow(0, begin, part).copy_(y);
  }
  return all;
}

}  // namespace deneb::reconstruction
