#include <deneb/io/files.h>
#include <deneb/io/safetensors.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

namespace deneb {
namespace {

struct TypeName {
  const char* name;
  torch::ScalarType type;
};
constexpr TypeName kTypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool},
};
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

torch::Tensor read_tensor(const std::string& where, const nlohmann::ordered_json& entry,
                          const char* data, std::uint64_t data_size, Extent* extent) {
  const auto is_array = [&entry](const char* key) {
    return entry.contains(key) && entry[key].is_array();
  };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !is_array("shape") || !is_array("data_offsets") || entry["data_offsets"].size() != 2) {
    throw damaged(where, "needs dtype, shape and two data_offsets");
  }
  const std::string dtype = entry["dtype"];
  const TypeName* type = nullptr;
  for (const TypeName& t : kTypes) {
    if (dtype == t.name) type = &t;
  }
  if (!type) throw damaged(where, "has the unknown dtype '" + dtype + "'");
  std::vector<std::int64_t> shape;
  const std::uint64_t bytes =
      checked_count(where, entry["shape"], &shape) * c10::elementSize(type->type);
  for (const auto& offset : entry["data_offsets"]) {
    if (!offset.is_number_unsigned()) throw damaged(where, "data_offsets are no offsets");
  }
  extent->begin = entry["data_offsets"][0].get<std::uint64_t>();
  extent->end = entry["data_offsets"][1].get<std::uint64_t>();
  if (extent->begin > extent->end || extent->end > data_size) {
    throw damaged(where, "data [" + std::to_string(extent->begin) + ", " +
                             std::to_string(extent->end) + ") lies outside of the " +
                             std::to_string(data_size) + " data bytes (cut file?)");
  }
  if (extent->end - extent->begin != bytes) {
    throw damaged(where, "shape needs " + std::to_string(bytes) + " bytes, offsets span " +
                             std::to_string(extent->end - extent->begin));
  }
  // Reading any other byte as a bool is undefined in C++.
  if (type->type == torch::kBool && std::any_of(data + extent->begin, data + extent->end,
                                                [](char byte) { return byte != 0 && byte != 1; })) {
    throw damaged(where, "holds a byte that is no bool");
  }
  torch::Tensor tensor = torch::empty(shape, torch::TensorOptions().dtype(type->type));
  if (bytes) std::memcpy(tensor.data_ptr(), data + extent->begin, bytes);
  return tensor;
}

// The format allows neither gaps nor overlaps: together the tensors are the data section.
void check_layout(const std::string& path, std::vector<Extent> extents, std::uint64_t data_size) {
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

nlohmann::ordered_json read_header(const std::string& path, const std::string& bytes,
                                   std::uint64_t* header_size) {
  if (bytes.size() < 8) {
    throw damaged(path, std::to_string(bytes.size()) + " bytes are too few for a safetensors file");
  }
  std::uint64_t size = 0;
  for (std::size_t i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes[i]);
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

TensorFile read_safetensors(const std::string& path) {
  const std::string bytes = read_file(path);
  std::uint64_t header_size = 0;
  const auto header = read_header(path, bytes, &header_size);
  const char* data = bytes.data() + 8 + header_size;
  const std::uint64_t data_size = bytes.size() - 8 - header_size;
  TensorFile file;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) throw damaged(path, "__metadata__ is no object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) throw damaged(path, "__metadata__ '" + key + "' is no string");
        file.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    extents.emplace_back();
    extents.back().name = name;
    file.tensors.emplace_back(name, read_tensor(path + ": tensor '" + name + "'", entry, data,
                                                data_size, &extents.back()));
  }
  check_layout(path, std::move(extents), data_size);
  return file;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::string data;
  for (const auto& [name, tensor] : file.tensors) {
    if (name == "__metadata__" || header.contains(name)) {
      throw RunError(path + ": tensor name '" + name + "' is reserved or given twice");
    }
    const torch::Tensor stored = tensor.detach().to(torch::kCPU).contiguous();
    const TypeName* type = nullptr;
    for (const TypeName& t : kTypes) {
      if (t.type == stored.scalar_type()) type = &t;
    }
    if (!type) {
      throw RunError(path + ": tensor '" + name + "' has dtype " +
                     c10::toString(stored.scalar_type()) + ", which safetensors cannot hold");
    }
    const std::size_t begin = data.size();
    if (stored.nbytes()) {
      data.append(static_cast<const char*>(stored.data_ptr()), stored.nbytes());
    }
    header[name] = {{"dtype", type->name},
                    {"shape", stored.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error&) {
    throw RunError(path + ": a tensor name or metadata text is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the format allows padding; keeps data aligned
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(text.size() >> (8 * i)));
  write_file_atomically(path, bytes + text + data);
}

}  // namespace deneb
