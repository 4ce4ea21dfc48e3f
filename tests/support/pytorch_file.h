#pragma once

#include <caffe2/serialize/inline_container.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Bytes of a file as Python's torch.save(state_dict, file) writes it, by LibTorch's zip writer.
namespace pytorch_file {

inline std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}
/// Opcodes of Python's pickle, protocol 2.
inline std::string text(const std::string& value) { return "X" + number(value.size(), 4) + value; }
inline std::string integer(std::int64_t value) {
  return "\x8a\x08" + number(static_cast<std::uint64_t>(value), 8);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::string& items) { return "(" + items + "t"; }
inline std::string integers(c10::IntArrayRef values) {
  std::string items;
  for (const std::int64_t value : values) items += integer(value);
  return tuple(items);
}
inline std::string storage(const std::string& type, const std::string& key, std::int64_t elements) {
  return tuple(text("storage") + global("torch", type) + text(key) + text("cpu") +
               integer(elements)) +
         "Q";
}
inline std::string empty_dict() { return global("collections", "OrderedDict") + ")R"; }
inline std::string tensor(const std::string& storage, std::int64_t offset, c10::IntArrayRef sizes,
                          c10::IntArrayRef strides) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + integers(sizes) + integers(strides) + "\x89" +
               empty_dict()) +
         "R";
}
/// A whole pickle of a dict; `items` are keys and values in turn.
inline std::string dict_pickle(const std::string& items) {
  return std::string("\x80\x02") + empty_dict() + "(" + items + "u.";
}

/// Writes the archive: the pickle and the bytes of the storages "0", "1", ...
inline void write(const std::string& path, const std::string& pickle,
                  const std::vector<std::string>& storages) {
  caffe2::serialize::PyTorchStreamWriter writer(path);
  writer.writeRecord("data.pkl", pickle.data(), pickle.size());
  for (std::size_t i = 0; i < storages.size(); ++i) {
    writer.writeRecord("data/" + std::to_string(i), storages[i].data(), storages[i].size());
  }
  writer.writeEndOfFile();
}

/// float32 tensors by name, below `key` if it is not empty.
inline void write_state(const std::string& path,
                        const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                        const std::string& key = "") {
  std::string items;
  std::vector<std::string> storages;
  for (const auto& [name, value] : tensors) {
    const torch::Tensor stored = value.detach().contiguous();
    items += text(name) +
             tensor(storage("FloatStorage", std::to_string(storages.size()), stored.numel()), 0,
                    stored.sizes(), stored.strides());
    storages.emplace_back(static_cast<const char*>(stored.data_ptr()), stored.nbytes());
  }
  std::string pickle = dict_pickle(items);
  if (!key.empty()) {
    pickle.erase(0, 2);
    pickle.pop_back();
    pickle = dict_pickle(text("epoch") + integer(12) + text(key) + pickle);
  }
  write(path, pickle, storages);
}

}  // namespace pytorch_file
