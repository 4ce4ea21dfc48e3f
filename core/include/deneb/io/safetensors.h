#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// Tensors in file order, plus the free-form `__metadata__`.
struct TensorFile {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  std::map<std::string, std::string> metadata;
  /// Tensors that a lenient reader could not read, and why ("has dtype 'F4', which is not
  /// supported"). They stand in `tensors` too, on the meta device: with their shape, without data.
  std::map<std::string, std::string> unreadable = {};
  /// Undefined tensor when absent.
  DENEB_API torch::Tensor find(const std::string& name) const;
};

/// Reads a safetensors file (8-byte little-endian header length, JSON header, raw data). Tensors
/// are views of the mapped file where they can be; they keep it mapped, writes into them do not
/// reach it, and it must not be shortened as long as one lives (replacing it by another is fine).
/// F8_E4M3 and F8_E5M2 come as float32, U16 as int32, U32 and U64 as int64. Every length and
/// offset is checked against the file, and that the tensors cover the data without gap or overlap:
/// DataError names the file and the tensor, also for a type that is not supported. Damage within
/// the data goes unseen, since the format has no checksum.
DENEB_API TensorFile read_safetensors(const std::string& path);

/// Writes atomically, one tensor after the other. Tensors are stored contiguous in the order given;
/// dtypes: float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool. RunError as
/// write_file_atomically, and for another dtype, a name given twice or a text that is not UTF-8.
DENEB_API void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace deneb
