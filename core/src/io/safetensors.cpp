#include <deneb/io/safetensors.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "io/atomic_file.h"
#include "io/tensor_formats.h"

namespace deneb {
namespace {

using detail::ElementType;

constexpr ElementType kTypes[] = {
    {"F64", torch::kFloat64, false},  {"F32", torch::kFloat32, false},
    {"F16", torch::kFloat16, false},  {"BF16", torch::kBFloat16, false},
    {"I64", torch::kInt64, false},    {"I32", torch::kInt32, false},
    {"I16", torch::kInt16, false},    {"I8", torch::kInt8, false},
    {"U8", torch::kUInt8, false},     {"BOOL", torch::kBool, false},
    {"F8_E4M3", torch::kUInt8, true}, {"F8_E5M2", torch::kUInt8, true},
    {"U16", torch::kInt16, true},     {"U32", torch::kInt32, true},
    {"U64", torch::kInt64, true},
};

// Values of all bytes as floats of 1 sign bit, `exponent_bits` and the rest. E5M2 has infinities as
// IEEE 754 has; in E4M3 only all ones is no number.
std::vector<float> float8_values(int exponent_bits) {
  const int mantissa_bits = 7 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  std::vector<float> values(256);
  for (int byte = 0; byte < 256; ++byte) {
    const int exponent = byte >> mantissa_bits & ((1 << exponent_bits) - 1);
    const int mantissa = byte & ((1 << mantissa_bits) - 1);
    const bool is_top = exponent == (1 << exponent_bits) - 1;
    float value = 0;
    if (exponent_bits == 5 && is_top) {
      value = mantissa == 0 ? std::numeric_limits<float>::infinity() : std::nanf("");
    } else if (is_top && mantissa == (1 << mantissa_bits) - 1) {
      value = std::nanf("");
    } else {
      const int significand = exponent == 0 ? mantissa : mantissa | 1 << mantissa_bits;
      value = std::ldexp(float(significand), std::max(exponent, 1) - bias - mantissa_bits);
    }
    values[std::size_t(byte)] = byte & 128 ? -value : value;
  }
  return values;
}

// Undefined where the values cannot be held.
torch::Tensor converted(const std::string& name, const torch::Tensor& stored) {
  if (name == "U16") return stored.to(torch::kInt32).bitwise_and(std::int32_t{0xffff});
  if (name == "U32") return stored.to(torch::kInt64).bitwise_and(std::int64_t{0xffff'ffff});
  if (name == "U64") {
    return stored.numel() && stored.min().item<std::int64_t>() < 0 ? torch::Tensor() : stored;
  }
  const std::vector<float> values = float8_values(name == "F8_E4M3" ? 4 : 5);
  torch::Tensor decoded = torch::empty(stored.sizes(), torch::kFloat32);
  const std::uint8_t* from = stored.data_ptr<std::uint8_t>();
  float* to = decoded.data_ptr<float>();
  for (std::int64_t i = 0; i < stored.numel(); ++i) to[i] = values[from[i]];
  return decoded;
}

constexpr std::uint64_t kMaxHeader = 100u << 20;
constexpr int kMaxNesting = 4;              // of the header; the format has three levels
constexpr int kMaxKeys = 1 << 16;           // four for each tensor
constexpr std::size_t kMaxDimensions = 64;  // what LibTorch's loops can take

DataError damaged(const std::string& where, const std::string& what) {
  return DataError(where + ": " + what + "; the file is damaged, fetch or write it again");
}

// Deep nesting would cost the parser memory and stack in no relation to the file, and many keys
// time, since an ordered object is searched linearly.
bool is_excessive(const char* text, std::uint64_t size) {
  int depth = 0, keys = 0;
  bool in_string = false;
  for (std::uint64_t i = 0; i < size; ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxNesting) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ':' && ++keys > kMaxKeys) {
      return true;
    }
  }
  return false;
}

// Bytes of one tensor's data: [begin, end).
struct Extent {
  std::uint64_t begin = 0, end = 0;
  std::string name;
};

// Number of elements. The product that has 1 in the place of 0 is bounded too, since LibTorch
// multiplies such strides.
std::uint64_t checked_count(const std::string& where, const nlohmann::ordered_json& extents,
                            std::vector<std::int64_t>* shape) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 59;  // times 8 bytes still fits into int64
  std::uint64_t product = 1;
  bool empty = false;
  if (extents.size() > kMaxDimensions) throw damaged(where, "has too many dimensions");
  for (const auto& extent : extents) {
    if (!extent.is_number_unsigned()) throw damaged(where, "shape is no list of sizes");
    const auto n = extent.get<std::uint64_t>();
    empty = empty || n == 0;
    const std::uint64_t factor = std::max<std::uint64_t>(n, 1);
    if (factor > kMost / product) throw damaged(where, "shape is too large for any file");
    product *= factor;
    shape->push_back(static_cast<std::int64_t>(n));
  }
  return empty ? 0 : product;
}

// What the header says of one tensor.
struct Entry {
  Extent extent;
  std::vector<std::int64_t> shape;
  std::string dtype;
  const ElementType* type = nullptr;  // nullptr = not supported
};

Entry read_entry(const std::string& where, const nlohmann::ordered_json& json,
                 std::uint64_t data_size) {
  const auto is_array = [&json](const char* key) {
    return json.contains(key) && json[key].is_array();
  };
  if (!json.is_object() || !json.contains("dtype") || !json["dtype"].is_string() ||
      !is_array("shape") || !is_array("data_offsets") || json["data_offsets"].size() != 2) {
    throw damaged(where, "needs dtype, shape and two data_offsets");
  }
  Entry entry;
  const std::uint64_t count = checked_count(where, json["shape"], &entry.shape);
  for (const auto& offset : json["data_offsets"]) {
    if (!offset.is_number_unsigned()) throw damaged(where, "data_offsets are no offsets");
  }
  Extent& extent = entry.extent;
  extent.begin = json["data_offsets"][0].get<std::uint64_t>();
  extent.end = json["data_offsets"][1].get<std::uint64_t>();
  if (extent.begin > extent.end || extent.end > data_size) {
    throw damaged(where, "data [" + std::to_string(extent.begin) + ", " +
                             std::to_string(extent.end) + ") lies outside of the " +
                             std::to_string(data_size) + " data bytes (cut file?)");
  }
  entry.dtype = json["dtype"];
  entry.type = detail::find_element_type(entry.dtype);
  const std::uint64_t bytes = entry.type ? count * c10::elementSize(entry.type->type) : 0;
  if (entry.type && extent.end - extent.begin != bytes) {
    throw damaged(where, "shape needs " + std::to_string(bytes) + " bytes, offsets span " +
                             std::to_string(extent.end - extent.begin));
  }
  return entry;
}

// Views one tensor; `why_not` gets the reason where it cannot be read.
torch::Tensor view_tensor(const Entry& entry, const std::shared_ptr<detail::FileMapping>& mapping,
                          std::uint64_t data_begin, std::string* why_not) {
  if (!entry.type) {
    *why_not = "has dtype '" + entry.dtype + "', which is not supported";
    return detail::without_data(entry.shape);
  }
  const Extent& extent = entry.extent;
  const torch::Tensor elements = detail::read_elements(
      mapping, data_begin + extent.begin, extent.end - extent.begin, *entry.type, why_not);
  return elements.defined() ? elements.view(entry.shape) : detail::without_data(entry.shape);
}

// The format allows neither gaps nor overlaps: together the tensors are the data section.
void check_layout(const std::string& path, const std::vector<Entry>& entries,
                  std::uint64_t data_size) {
  std::vector<Extent> extents;
  for (const Entry& entry : entries) extents.push_back(entry.extent);
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t expected = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != expected) {
      throw damaged(path + ": tensor '" + extent.name + "'",
                    "data begin at byte " + std::to_string(extent.begin) + ", expected " +
                        std::to_string(expected));
    }
    expected = extent.end;
  }
  if (expected != data_size) {
    throw damaged(path, "has " + std::to_string(data_size) + " data bytes, its tensors take " +
                            std::to_string(expected));
  }
}

nlohmann::ordered_json read_header(const std::string& path, const detail::FileMapping& bytes,
                                   std::uint64_t* header_size) {
  if (bytes.size() < 8) {
    throw damaged(path, std::to_string(bytes.size()) + " bytes are too few for a safetensors file");
  }
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes.data()[i]);
  if (size > kMaxHeader || size > bytes.size() - 8) {
    throw damaged(path, "has a header of " + std::to_string(size) + " bytes in a file of " +
                            std::to_string(bytes.size()) + " (cut, or no safetensors file)");
  }
  const char* text = bytes.data() + 8;
  if (is_excessive(text, size)) {
    throw damaged(path, "has a header that is nested too deep or has more than " +
                            std::to_string(kMaxKeys) + " keys");
  }
  auto header = nlohmann::ordered_json::parse(text, text + size, nullptr,
                                              /*allow_exceptions=*/false);
  if (!header.is_object()) throw damaged(path, "has a header that is no JSON object");
  *header_size = size;
  return header;
}

}  // namespace

torch::Tensor TensorFile::find(const std::string& name) const {
  for (const auto& entry : tensors) {
    if (entry.first == name) return entry.second;
  }
  return {};
}

TensorFile detail::read_safetensors(const std::string& path,
                                    const std::shared_ptr<FileMapping>& mapping) {
  std::uint64_t header_size = 0;
  const auto header = read_header(path, *mapping, &header_size);
  const std::uint64_t data_begin = 8 + header_size;
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      if (!value.is_object()) throw damaged(path, "__metadata__ is no object");
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string()) throw damaged(path, "__metadata__ '" + key + "' is no string");
        file.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    entries.push_back(
        read_entry(path + ": tensor '" + name + "'", value, mapping->size() - data_begin));
    entries.back().extent.name = name;
  }
  // First: tensors that overlap could take any multiple of the file's size, when types are
  // converted.
  check_layout(path, entries, mapping->size() - data_begin);
  for (const Entry& entry : entries) {
    const std::string& name = entry.extent.name;
    std::string why_not;
    file.tensors.emplace_back(name, view_tensor(entry, mapping, data_begin, &why_not));
    if (!why_not.empty()) file.unreadable[name] = why_not;
  }
  return file;
}

const ElementType* detail::find_element_type(const std::string& name) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const ElementType& t) { return name == t.name; });
  return found == std::end(kTypes) ? nullptr : found;
}

torch::Tensor detail::read_elements(const std::shared_ptr<FileMapping>& mapping,
                                    std::uint64_t offset, std::uint64_t bytes,
                                    const ElementType& type, std::string* why_not) {
  const char* data = mapping->data() + offset;
  // Reading any other byte as a bool is undefined in C++.
  if (type.type == torch::kBool &&
      std::any_of(data, data + bytes, [](char byte) { return byte != 0 && byte != 1; })) {
    *why_not = "holds a byte that is no bool; the file is damaged, fetch or write it again";
    return {};
  }
  torch::Tensor elements = view_elements(mapping, offset, bytes, type.type);
  if (type.is_converted) elements = converted(type.name, elements);
  if (!elements.defined()) {
    *why_not = "has dtype '" + std::string(type.name) +
               "' and values above 2^63 - 1, which is not "
               "supported";
  }
  return elements;
}

torch::Tensor detail::without_data(const std::vector<std::int64_t>& shape) {
  return torch::empty(shape, torch::TensorOptions().dtype(torch::kFloat32).device(torch::kMeta));
}

TensorFile read_safetensors(const std::string& path) {
  TensorFile file = detail::read_safetensors(path, detail::FileMapping::open(path));
  if (file.unreadable.empty()) return file;
  const auto& [name, why_not] = *file.unreadable.begin();
  throw DataError(path + ": tensor '" + name + "' " + why_not);
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t end = 0;
  for (const auto& [name, tensor] : file.tensors) {
    if (name == "__metadata__" || header.contains(name)) {
      throw RunError(path + ": tensor name '" + name + "' is reserved or given twice");
    }
    const torch::ScalarType wanted = tensor.scalar_type();
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [=](const ElementType& t) {
      return t.type == wanted && !t.is_converted;
    });
    if (type == std::end(kTypes) || tensor.is_meta()) {
      throw RunError(
          path + ": tensor '" + name + "' has dtype " +
          (tensor.is_meta() ? "and shape but no data" : c10::toString(tensor.scalar_type())) +
          ", which safetensors cannot hold");
    }
    const std::uint64_t begin = end;
    end += static_cast<std::uint64_t>(tensor.numel()) * tensor.element_size();
    header[name] = {
        {"dtype", type->name}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error&) {
    throw RunError(path + ": a tensor name or metadata text is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the format allows padding; keeps data aligned
  std::string length;
  for (int i = 0; i < 8; ++i) length.push_back(static_cast<char>(text.size() >> (8 * i)));
  detail::AtomicFile output(path);
  output.append(length.data(), length.size());
  output.append(text.data(), text.size());
  for (const auto& entry : file.tensors) {
    const torch::Tensor stored = entry.second.detach().to(torch::kCPU).contiguous();
    if (stored.nbytes()) output.append(stored.data_ptr(), stored.nbytes());
  }
  output.commit();
}

}  // namespace deneb
