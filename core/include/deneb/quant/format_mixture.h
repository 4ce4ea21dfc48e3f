#pragma once

#include <torch/types.h>

#include <vector>

#include <deneb/errors.h>
#include <deneb/quant/format.h>

namespace deneb {

/// A quantizer that computes with several formats at once, each weighted by a learned share, as
/// differentiable searches want it. Found by dynamic_cast of a layer's Quantizer; everything here
/// may be called after Quantizer::attach().
class DENEB_API FormatMixture {
 public:
  virtual ~FormatMixture();

  /// The F formats that are mixed. Their widths and order are fixed; where the quantizer takes both
  /// signs, theirs is that of the last format that was set.
  virtual std::vector<Format> formats() const = 0;
  /// The share of each of formats(), [F]: positive, sum 1. Differentiable: its gradients reach
  /// logits().
  virtual torch::Tensor shares() const = 0;
  /// The learned parameter behind the shares, [F], registered with the quantizer: for optimizers,
  /// and to be read or written (without gradient) by a search. shares() = softmax(logits()).
  virtual torch::Tensor logits() const = 0;
};

}  // namespace deneb
