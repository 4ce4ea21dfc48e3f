#pragma once

#include <torch/types.h>

#include <deneb/io/safetensors.h>

namespace deneb::fuzz {

/// Reads every element that a file gave, so that the sanitizers see views beyond their storage.
void touch(const TensorFile& file);

}  // namespace deneb::fuzz
