#include <torch/utils.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "io/pickle.h"
#include "io/tensor_formats.h"
#include "io/zip_archive.h"

namespace deneb::detail {
namespace {

using Kind = PickleValue::Kind;

// What the form before the zip archive begins with: the number 0x1950a86a20f9469cfc6c.
constexpr char kMagic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::size_t kMagicSize = sizeof(kMagic) - 1;
constexpr std::int64_t kProtocol = 1001;

// Where checkpoints keep their state_dict, in the order of preference.
constexpr const char* kStateKeys[] = {"state_dict", "model_state_dict", "model", "net",
                                      "network",    "weights",          "module"};

// An expanded tensor has more elements than its storage; no weights have as many more as this.
constexpr std::uint64_t kMostExpanded = std::uint64_t{1} << 26;

DataError damaged(const std::string& path, const std::string& what) {
  return DataError(path + ": " + what + "; the file is damaged, fetch or write it again");
}

// Names of element types in safetensors; "" for those that are not known.
std::string type_name(const std::string& torch_name) {
  static const std::map<std::string, std::string> kNames = {
      {"DoubleStorage", "F64"},  {"FloatStorage", "F32"},
      {"HalfStorage", "F16"},    {"BFloat16Storage", "BF16"},
      {"LongStorage", "I64"},    {"IntStorage", "I32"},
      {"ShortStorage", "I16"},   {"CharStorage", "I8"},
      {"ByteStorage", "U8"},     {"BoolStorage", "BOOL"},
      {"float64", "F64"},        {"float32", "F32"},
      {"float16", "F16"},        {"bfloat16", "BF16"},
      {"int64", "I64"},          {"int32", "I32"},
      {"int16", "I16"},          {"int8", "I8"},
      {"uint8", "U8"},           {"bool", "BOOL"},
      {"uint16", "U16"},         {"uint32", "U32"},
      {"uint64", "U64"},         {"float8_e4m3fn", "F8_E4M3"},
      {"float8_e5m2", "F8_E5M2"}};
  const auto found = kNames.find(torch_name.substr(torch_name.rfind('.') + 1));
  return found == kNames.end() ? "" : found->second;
}

// Bytes of a storage in the file.
struct StorageBytes {
  std::uint64_t offset = 0, size = 0;
};

// The state_dict within what was saved; nullptr when there is none.
const PickleValue* find_state(const PickleValue& saved, int depth = 0) {
  if (saved.kind != Kind::kDict || depth > 2) return nullptr;
  for (const char* key : kStateKeys) {
    const PickleValue* below = saved.find(key);
    const PickleValue* found = below ? find_state(*below, depth + 1) : nullptr;
    if (found) return found;
  }
  for (std::size_t i = 1; i < saved.items.size(); i += 2) {
    if (saved.items[i]->kind == Kind::kTensor) return &saved;
  }
  return nullptr;
}

const PickleValue& require_state(const std::string& path, const PickleValue& saved) {
  if (const PickleValue* state = find_state(saved)) return *state;
  std::string text = path + ": holds no tensors by name";
  if (saved.kind == Kind::kDict) {
    text += ", neither at its top (";
    std::size_t count = 0;
    for (std::size_t i = 0; i < saved.items.size() && count < 10; i += 2) {
      if (saved.items[i]->kind != Kind::kText) continue;
      text += (count++ ? ", " : "") + saved.items[i]->text;
    }
    text += ") nor under one of the keys ";
    for (const char* key : kStateKeys)
      text += (key == kStateKeys[0] ? "" : ", ") + std::string(key);
  }
  throw DataError(text + "; save them by torch.save(model.state_dict(), file)");
}

// Makes tensors of what a pickle says about them.
class TensorMaker {
 public:
  TensorMaker(std::string path, std::shared_ptr<FileMapping> mapping)
      : path_(std::move(path)), mapping_(std::move(mapping)) {}
  virtual ~TensorMaker() = default;

  TensorFile read(const PickleValue& saved) {
    TensorFile file;
    std::map<std::string, const PickleValue*> last;  // as in Python, where a later one replaces
    const PickleValue& state = require_state(path_, saved);
    for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
      if (state.items[i]->kind == Kind::kText) last[state.items[i]->text] = state.items[i + 1];
    }
    std::set<std::string> done;
    for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
      if (state.items[i]->kind != Kind::kText) continue;
      const std::string& name = state.items[i]->text;
      const PickleValue& value = *last.at(name);
      if (value.kind != Kind::kTensor || !done.insert(name).second) continue;
      std::string why_not;
      file.tensors.emplace_back(name, make(path_ + ": tensor '" + name + "'", value, &why_not));
      if (!why_not.empty()) file.unreadable[name] = why_not;
    }
    return file;
  }

 protected:
  /// Where the bytes of a storage lie; DataError when they are not there. `size` is what the pickle
  /// says.
  virtual StorageBytes locate(const std::string& key, std::uint64_t size) = 0;

  std::string path_;
  std::shared_ptr<FileMapping> mapping_;

 private:
  // The elements of a storage as one row, read once; undefined with a reason.
  struct Elements {
    torch::Tensor row;
    std::string why_not;
  };

  std::vector<std::int64_t> extents(const std::string& where, const PickleValue& list) const {
    std::vector<std::int64_t> extents;
    for (const PickleValue* item : list.items) {
      if (item->kind != Kind::kInteger || !item->text.empty() || item->integer < 0) {
        throw damaged(where, "has sizes or strides that are no counts");
      }
      extents.push_back(item->integer);
    }
    return extents;
  }

  torch::Tensor make(const std::string& where, const PickleValue& value, std::string* why_not) {
    const std::vector<std::int64_t> sizes = extents(where, *value.items[1]);
    const std::vector<std::int64_t> strides = extents(where, *value.items[2]);
    if (sizes.size() != strides.size() || sizes.size() > 64) {
      throw damaged(where, "has other numbers of sizes and strides, or too many");
    }
    const Elements& elements = elements_of(where, *value.items[0], value.type);
    if (!elements.row.defined()) {
      *why_not = elements.why_not;
      check_count(where, sizes, kMostExpanded);
      return without_data(sizes);
    }
    const auto available = static_cast<std::uint64_t>(elements.row.numel());
    const std::uint64_t count = check_count(where, sizes, std::max(kMostExpanded, available));
    // One past the last element that is touched.
    const auto outside = [&] { return damaged(where, "reaches beyond its storage"); };
    if (value.integer < 0 || static_cast<std::uint64_t>(value.integer) > available) throw outside();
    std::uint64_t reach = static_cast<std::uint64_t>(value.integer) + (count > 0 ? 1 : 0);
    for (std::size_t i = 0; i < sizes.size() && count > 0; ++i) {
      const auto steps = static_cast<std::uint64_t>(sizes[i] - 1);
      const auto stride = static_cast<std::uint64_t>(strides[i]);
      if (reach > available || (steps > 0 && stride > (available - reach) / steps)) throw outside();
      reach += steps * stride;
    }
    if (reach > available) throw outside();
    if (count == 0) return torch::empty(sizes, elements.row.options());
    return elements.row.as_strided(sizes, bounded(sizes, strides), value.integer);
  }

  // Strides of dimensions of one element say nothing, and may be any number.
  static std::vector<std::int64_t> bounded(const std::vector<std::int64_t>& sizes,
                                           std::vector<std::int64_t> strides) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 1) strides[i] = 1;
    }
    return strides;
  }

  // Number of elements; the product with 1 in the place of 0 is bounded too.
  std::uint64_t check_count(const std::string& where, const std::vector<std::int64_t>& sizes,
                            std::uint64_t most) const {
    std::uint64_t product = 1;
    bool is_empty = false;
    for (const std::int64_t size : sizes) {
      is_empty = is_empty || size == 0;
      const auto factor = std::max<std::uint64_t>(static_cast<std::uint64_t>(size), 1);
      if (factor > most / product) throw damaged(where, "is larger than any storage of it");
      product *= factor;
    }
    return is_empty ? 0 : product;
  }

  const Elements& elements_of(const std::string& where, const PickleValue& storage,
                              const std::string& dtype) {
    const auto [known, is_new] = storages_.try_emplace({storage.text, storage.type + dtype});
    Elements& elements = known->second;
    if (!is_new) return elements;
    const bool is_untyped = storage.type == "torch.storage.UntypedStorage";
    const std::string& torch_name = dtype.empty() ? storage.type : dtype;
    const ElementType* type = find_element_type(type_name(torch_name));
    if (!type) {
      elements.why_not = "has elements of " + torch_name + ", which is not supported";
      return elements;
    }
    const std::uint64_t element = c10::elementSize(type->type);
    const auto count = static_cast<std::uint64_t>(storage.integer);
    if (count > mapping_->size()) throw damaged(where, "has a storage larger than the file");
    const std::uint64_t bytes = is_untyped ? count : count * element;
    const StorageBytes place = locate(storage.text, bytes);
    if (place.size != bytes || bytes % element != 0) {
      throw damaged(where, "has a storage of " + std::to_string(place.size) + " bytes, expected " +
                               std::to_string(bytes));
    }
    elements.row = read_elements(mapping_, place.offset, bytes, *type, &elements.why_not);
    return elements;
  }

  std::map<std::pair<std::string, std::string>, Elements> storages_;
};

class ZipTensors final : public TensorMaker {
 public:
  ZipTensors(const std::string& path, const std::shared_ptr<FileMapping>& mapping,
             WeightCheck check)
      : TensorMaker(path, mapping), check_(check), records_(read_zip_directory(path, *mapping)) {}

  TensorFile read_file() {
    root_ = find_root();
    if (const auto order = records_.find(root_ + "byteorder"); order != records_.end()) {
      const StorageBytes place = checked(order->first);
      if (std::string(mapping_->data() + place.offset, place.size) == "big") {
        throw DataError(path_ + ": was written on a big-endian machine, which is not supported");
      }
    }
    const StorageBytes pickle = checked(root_ + "data.pkl");
    PickleReader reader(path_, mapping_->data() + pickle.offset, pickle.size);
    return read(reader.read());
  }

 private:
  // All records lie in one folder, which has any name.
  std::string find_root() const {
    std::optional<std::string> root;
    for (const auto& entry : records_) {
      const std::string& name = entry.first;
      const std::size_t slash = name.find('/');
      const std::string below = slash == std::string::npos ? name : name.substr(slash + 1);
      if (below != "data.pkl") continue;
      if (root) throw damaged(path_, "holds two pickles");
      root = name.substr(0, name.size() - below.size());
    }
    if (!root) {
      throw DataError(path_ +
                      ": is a zip archive that torch.save() did not write (it has no data.pkl); "
                      "save the weights by torch.save(model.state_dict(), file)");
    }
    if (records_.count(*root + "constants.pkl")) {
      throw DataError(path_ +
                      ": is a TorchScript archive; save its weights, in Python: "
                      "torch.save(torch.jit.load(file).state_dict(), new_file)");
    }
    return *root;
  }

  StorageBytes checked(const std::string& name) {
    const auto found = records_.find(name);
    if (found == records_.end()) throw damaged(path_, "has no record '" + name + "'");
    const ZipRecord& record = found->second;
    if (record.is_compressed) {
      throw DataError(path_ +
                      ": its zip archive is compressed, which is not supported; unpack it and pack "
                      "it without compression (zip -0), or save the weights again");
    }
    const bool is_pickle = name == root_ + "data.pkl";
    if ((check_ == WeightCheck::kData || is_pickle) &&
        crc32(mapping_->data() + record.offset, record.size) != record.crc) {
      throw damaged(path_, "record '" + name + "' has another checksum than its content");
    }
    return {record.offset, record.size};
  }

  StorageBytes locate(const std::string& key, std::uint64_t) override {
    return checked(root_ + "data/" + key);
  }

  WeightCheck check_;
  std::map<std::string, ZipRecord> records_;
  std::string root_;
};

// The form before the zip archive: pickles of a magic number, the protocol, facts about the
// machine, the object and the keys of its storages; then each storage in the order of the keys, its
// number of elements (8 bytes) and its bytes.
class LegacyTensors final : public TensorMaker {
 public:
  using TensorMaker::TensorMaker;

  TensorFile read_file() {
    PickleReader reader(path_, mapping_->data(), mapping_->size());
    if (reader.read().text != std::string(kMagic, kMagicSize)) {
      throw damaged(path_, "does not begin as a PyTorch file");
    }
    if (reader.read().integer != kProtocol) {
      throw DataError(path_ + ": has an unknown protocol; save it again with a newer PyTorch");
    }
    const PickleValue* is_little = reader.read().find("little_endian");
    if (is_little && !is_little->integer) {
      throw DataError(path_ + ": was written on a big-endian machine, which is not supported");
    }
    const PickleValue& saved = reader.read();
    collect_sizes(saved);
    const PickleValue& keys = reader.read();
    place_storages(keys, reader.position());
    return read(saved);
  }

 private:
  // The file says elements, not bytes: the types stand in the tensors. Storages of other objects
  // of the checkpoint (the optimizer's) lie between those of the weights, so all are looked at.
  void collect_sizes(const PickleValue& saved) {
    std::set<const PickleValue*> seen;
    std::vector<const PickleValue*> waiting = {&saved};
    while (!waiting.empty()) {
      const PickleValue* value = waiting.back();
      waiting.pop_back();
      if (!seen.insert(value).second) continue;
      if (value->kind == Kind::kStorage) {
        const ElementType* type = find_element_type(type_name(value->type));
        if (type) element_size_[value->text] = c10::elementSize(type->type);
        if (value->type.find("ComplexFloat") != std::string::npos) element_size_[value->text] = 8;
        if (value->type.find("ComplexDouble") != std::string::npos) element_size_[value->text] = 16;
      }
      waiting.insert(waiting.end(), value->items.begin(), value->items.end());
    }
  }

  void place_storages(const PickleValue& keys, std::uint64_t at) {
    for (const PickleValue* key : keys.items) {
      if (key->kind != Kind::kText) throw damaged(path_, "has a storage without a name");
      const auto element = element_size_.find(key->text);
      if (element == element_size_.end()) {
        throw DataError(path_ +
                        ": has a storage of an unknown type; save it again with a newer "
                        "PyTorch");
      }
      if (mapping_->size() - at < 8) throw damaged(path_, "is cut within its data");
      std::uint64_t count = 0;
      std::memcpy(&count, mapping_->data() + at, 8);
      at += 8;
      if (count > (mapping_->size() - at) / element->second) {
        throw damaged(path_, "is cut within its data");
      }
      places_[key->text] = {at, count * element->second};
      at += count * element->second;
    }
  }

  StorageBytes locate(const std::string& key, std::uint64_t) override {
    const auto found = places_.find(key);
    if (found == places_.end()) throw damaged(path_, "lacks the storage '" + key + "'");
    return found->second;
  }

  std::map<std::string, std::uint64_t> element_size_;
  std::map<std::string, StorageBytes> places_;
};

}  // namespace

bool is_pytorch_file(const FileMapping& mapping) {
  const auto begins_at = [&](std::uint64_t at, const char* text, std::size_t size) {
    return mapping.size() >= at + size && std::memcmp(mapping.data() + at, text, size) == 0;
  };
  if (begins_at(0, "PK\x03\x04", 4)) return true;
  // PROTO, then LONG1 of ten bytes; protocol 4 has a frame between them.
  return begins_at(0, "\x80", 1) &&
         (begins_at(4, kMagic, kMagicSize) || begins_at(13, kMagic, kMagicSize));
}

TensorFile read_pytorch(const std::string& path, const std::shared_ptr<FileMapping>& mapping,
                        WeightCheck check) {
  if (mapping->data()[0] == 'P') return ZipTensors(path, mapping, check).read_file();
  return LegacyTensors(path, mapping).read_file();
}

}  // namespace deneb::detail
