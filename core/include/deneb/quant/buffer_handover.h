#pragma once

#include <torch/types.h>

#include <deneb/errors.h>

/// Fake quantization is limited by memory. Whoever calls a quantizer, forward or backward, can let
/// it write its result over the tensor that it reads.
namespace deneb {

/// Says that `buffer` goes to one reader on this thread and is looked at by nobody else after that;
/// it holds values of its own, no view of others. Takes back what was handed over before; an
/// undefined tensor does only that.
DENEB_API void hand_over(const torch::Tensor& buffer);

/// Was this very tensor handed over on this thread? If so, it is the caller's from now on. Once.
DENEB_API bool take_over(const torch::Tensor& buffer);

}  // namespace deneb
