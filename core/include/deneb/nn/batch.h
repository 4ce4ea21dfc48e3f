#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>

#include <deneb/errors.h>

namespace deneb {

/// Named tensors of one mini-batch; the first dimension of each is the batch. Images: `input`
/// float32 [N, C, H, W], `target` int64 [N]. Text: `input` int64 [N, T] token ids, padded behind
/// the last token; `attention_mask` int64 [N, T], 1 = token, 0 = padding (absent: no padding);
/// `token_type` int64 [N, T], 0 or 1 for the second of two sentences (absent: all 0); `target`
/// int64 [N], or [N, T] where every token has one.
struct Batch {
  std::map<std::string, torch::Tensor> tensors;

  torch::Tensor& operator[](const std::string& name) { return tensors[name]; }
  /// The named tensor; throws std::out_of_range when absent.
  const torch::Tensor& at(const std::string& name) const { return tensors.at(name); }
  const torch::Tensor& input() const { return at("input"); }
  const torch::Tensor& target() const { return at("target"); }
  std::int64_t size() const { return tensors.empty() ? 0 : tensors.begin()->second.size(0); }
  bool empty() const { return tensors.empty(); }
  /// All tensors on `device`.
  DENEB_API Batch to(torch::Device device) const;
};

/// What a network returns.
struct Output {
  torch::Tensor logits;                            ///< float [N, classes]
  std::map<std::string, torch::Tensor> auxiliary;  ///< further heads, by name
};

}  // namespace deneb
