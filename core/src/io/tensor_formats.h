#pragma once

#include <memory>
#include <string>

#include <deneb/io/weight_file.h>

#include "io/file_mapping.h"

/// Readers of one format each, for read_weights(). All leave unreadable tensors in
/// TensorFile::unreadable and throw DataError for everything else.
namespace deneb::detail {

TensorFile read_safetensors(const std::string& path, const std::shared_ptr<FileMapping>& mapping);

/// Does the file begin as torch.save() begins one, as zip archive or in the form before it?
bool is_pytorch_file(const FileMapping& mapping);
TensorFile read_pytorch(const std::string& path, const std::shared_ptr<FileMapping>& mapping,
                        WeightCheck check);

/// A type of elements by its name in safetensors.
struct ElementType {
  const char* name;
  torch::ScalarType type;  ///< that the bytes are taken as
  bool is_converted;       ///< is it a type that LibTorch 1.13 lacks?
};
/// nullptr when the type is not supported.
const ElementType* find_element_type(const std::string& name);

/// As view_elements(), converted where the type needs it. Undefined, with the reason, when the
/// bytes are no values of the type or cannot be held.
torch::Tensor read_elements(const std::shared_ptr<FileMapping>& mapping, std::uint64_t offset,
                            std::uint64_t bytes, const ElementType& type, std::string* why_not);

/// A tensor of that shape without data.
torch::Tensor without_data(const std::vector<std::int64_t>& shape);

}  // namespace deneb::detail
