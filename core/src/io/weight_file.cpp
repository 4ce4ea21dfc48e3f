#include <deneb/io/files.h>
#include <deneb/io/json.h>
#include <deneb/io/weight_file.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "io/tensor_formats.h"

namespace deneb {
namespace {

namespace fs = std::filesystem;
using detail::FileMapping;

constexpr const char* kIndexEnd = ".index.json";

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool has_at(const FileMapping& bytes, std::uint64_t at, const std::string& text) {
  return bytes.size() >= at + text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// Formats that are no weights for us but lie where weights are looked for.
void refuse_known_format(const std::string& path, const FileMapping& bytes) {
  struct Known {
    std::uint64_t at;
    std::string begin;
    const char* what;
  };
  const std::string to_safetensors =
      "; load it with its own library in Python and save the tensors by name, by "
      "safetensors.torch.save_file(tensors, file) or torch.save(tensors, file)";
  static const Known kKnown[] = {
      {257, "ustar", "is a tar archive, as the first versions of PyTorch wrote"},
      {0, "\x89HDF\r\n", "is an HDF5 file, as Keras writes"},
      {0, "GGUF", "is a GGUF file, as llama.cpp reads"},
      {0, "\x93NUMPY", "is an array of NumPy"},
      {0, "\x80", "is a pickle that torch.save() did not write"},
  };
  for (const Known& known : kKnown) {
    if (has_at(bytes, known.at, known.begin)) {
      throw DataError(path + ": " + known.what + to_safetensors);
    }
  }
  if (has_at(bytes, 0, "version https://git-lfs")) {
    throw DataError(path + ": is a pointer of Git LFS, not the file itself; run `git lfs pull`");
  }
  if (has_at(bytes, 0, "<")) {
    throw DataError(path + ": is a web page or XML, not the file itself; fetch it again");
  }
  if (has_at(bytes, 0, "{")) {
    throw DataError(path + ": is a JSON file; weights are safetensors or PyTorch files, or the " +
                    std::string("*") + kIndexEnd + " of shards");
  }
}

// The size of the header comes first, and its bytes may look like those of any other format.
bool begins_as_safetensors(const FileMapping& bytes) {
  std::uint64_t header = 0;
  if (bytes.size() <= sizeof(header) || bytes.data()[sizeof(header)] != '{') return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header <= bytes.size() - sizeof(header);
}

TensorFile read_one(const std::string& path, WeightCheck check) {
  const auto mapping = FileMapping::open(path);
  if (begins_as_safetensors(*mapping)) return detail::read_safetensors(path, mapping);
  if (detail::is_pytorch_file(*mapping)) return detail::read_pytorch(path, mapping, check);
  refuse_known_format(path, *mapping);
  return detail::read_safetensors(path, mapping);
}

// The shards that an index names, in the order of their names, each with its tensors.
std::map<std::string, std::set<std::string>> read_index(const std::string& path) {
  const auto index = parse_json(read_file(path));
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object()) {
    throw DataError(path +
                    ": needs an object weight_map with the file of every tensor; the file "
                    "is damaged or no index of shards");
  }
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [name, file] : map->items()) {
    if (!file.is_string() || !is_plain_file_name(file.get<std::string>())) {
      throw DataError(path + ": weight_map '" + name + "' is no plain file name");
    }
    shards[file.get<std::string>()].insert(name);
  }
  return shards;
}

TensorFile read_shards(const std::string& path, WeightCheck check) {
  TensorFile whole;
  std::map<std::string, std::string> from;  // tensor -> shard
  for (const auto& [file, names] : read_index(path)) {
    const std::string shard = (fs::path(path).parent_path() / file).string();
    if (!fs::exists(shard)) {
      throw DataError(shard + ": not found, but " + path + " names it; fetch all shards");
    }
    TensorFile part = read_one(shard, check);
    for (const std::string& name : names) {
      if (part.find(name).defined()) continue;
      throw DataError(shard + ": has no tensor '" + name + "', which " + path +
                      " promises; fetch shards and index again, they belong together");
    }
    for (auto& [name, tensor] : part.tensors) {
      const auto [known, is_new] = from.emplace(name, shard);
      if (!is_new) {
        throw DataError(shard + ": tensor '" + name + "' is in " + known->second + ", too");
      }
      whole.tensors.emplace_back(name, std::move(tensor));
    }
    whole.metadata.insert(part.metadata.begin(), part.metadata.end());
    whole.unreadable.insert(part.unreadable.begin(), part.unreadable.end());
  }
  return whole;
}

TensorFile read_folder(const std::string& path, WeightCheck check) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json"}) {
    const std::string file = (fs::path(path) / name).string();
    if (!fs::exists(file)) continue;
    return ends_with(file, kIndexEnd) ? read_shards(file, check) : read_one(file, check);
  }
  throw DataError(path +
                  ": is a folder without model.safetensors, model.safetensors.index.json, "
                  "pytorch_model.bin and pytorch_model.bin.index.json; name the file of the "
                  "weights itself");
}

}  // namespace

TensorFile read_weights(const std::string& path, WeightCheck check) {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_folder(path, check);
  return ends_with(path, kIndexEnd) ? read_shards(path, check) : read_one(path, check);
}

}  // namespace deneb
