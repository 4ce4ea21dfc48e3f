#pragma once

#include <memory>
#include <vector>

#include <deneb/quant/quantizer.h>

/// Convolution and matrix product that hold less memory for the gradient: they keep the input as it
/// came and quantize it again in the backward pass, instead of keeping the quantized copy. For
/// quantizers whose traits say `repeatable`. The gradients are those of the plain operators.
/// Errors: c10::Error for a second derivative, and when a parameter, a buffer or the format of the
/// quantizer changed between the two passes.
namespace deneb::detail {

/// What `quantizer` makes of `x`; in float32, unless it takes bfloat16.
torch::Tensor quantize(Quantizer& quantizer, const torch::Tensor& x);

struct ConvolutionArguments {
  std::vector<std::int64_t> stride, padding, dilation;
  std::int64_t groups = 1;
};

/// Input [N, C, H, W]; `bias` may be undefined.
torch::Tensor conv2d(const torch::Tensor& input, const std::shared_ptr<Quantizer>& quantizer,
                     const torch::Tensor& weight, const torch::Tensor& bias,
                     const ConvolutionArguments& arguments);

/// Input [..., in], weight [out, in].
torch::Tensor linear(const torch::Tensor& input, const std::shared_ptr<Quantizer>& quantizer,
                     const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace deneb::detail
