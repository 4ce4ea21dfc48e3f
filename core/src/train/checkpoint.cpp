#include "train/checkpoint.h"

#include <deneb/io/safetensors.h>
#include <deneb/nn/walk.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <cstring>
#include <map>
#include <set>
#include <sstream>

namespace deneb::detail {
namespace {

constexpr const char* kOptimizer = "optimizer";
constexpr const char* kGenerator = "generator";

torch::Tensor bytes_to_tensor(const std::string& bytes) {
  auto tensor = torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

void append(TensorFile& file, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) file.tensors.emplace_back(prefix + name, tensor);
}

NamedTensors with_prefix(const TensorFile& file, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.rfind(prefix, 0) == 0) found.emplace_back(name.substr(prefix.size()), tensor);
  }
  return found;
}

nlohmann::ordered_json progress_of(const TensorFile& file, const std::string& path) {
  const auto it = file.metadata.find("progress");
  auto json = it == file.metadata.end() ? nlohmann::ordered_json()
                                        : nlohmann::ordered_json::parse(it->second, nullptr, false);
  if (!json.is_object()) {
    throw DataError(path +
                    ": no training checkpoint (it has no progress record); delete it to "
                    "train from the start");
  }
  return json;
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint,
                      torch::optim::Optimizer& optimizer) {
  TensorFile file;
  append(file, "model.", checkpoint.model);
  append(file, "ema.", checkpoint.ema);
  append(file, "best.", checkpoint.best);
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  file.tensors.emplace_back(kOptimizer, bytes_to_tensor(stream.str()));
  file.tensors.emplace_back(kGenerator, at::detail::getDefaultCPUGenerator().get_state());
  file.metadata["progress"] = checkpoint.progress.dump();
  write_safetensors(path, file);
}

Checkpoint read_checkpoint(const std::string& path, torch::optim::Optimizer& optimizer) {
  const TensorFile file = read_safetensors(path);
  Checkpoint checkpoint;
  checkpoint.progress = progress_of(file, path);
  checkpoint.model = with_prefix(file, "model.");
  checkpoint.ema = with_prefix(file, "ema.");
  checkpoint.best = with_prefix(file, "best.");
  const torch::Tensor state = file.find(kOptimizer), generator = file.find(kGenerator);
  if (!state.defined() || !generator.defined()) {
    throw DataError(path +
                    ": checkpoint lacks optimizer or generator state; delete it to train "
                    "from the start");
  }
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(static_cast<const char*>(state.data_ptr()),
                      static_cast<std::size_t>(state.numel()));
    optimizer.load(archive);
    at::Generator(at::detail::getDefaultCPUGenerator()).set_state(generator);
  } catch (const c10::Error& e) {
    throw DataError(path + ": optimizer or generator state cannot be restored (" +
                    e.what_without_backtrace() + "); delete it to train from the start");
  }
  return checkpoint;
}

nlohmann::ordered_json read_checkpoint_progress(const std::string& path) {
  return progress_of(read_safetensors(path), path);
}

NamedTensors copy_state(const Network& network) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state_of(network)) {
    copy.emplace_back(name, tensor.detach().clone());
  }
  return copy;
}

void restore_state(Network& network, const NamedTensors& state) {
  torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> own;
  for (auto& [name, tensor] : state_of(network)) own[name] = tensor;
  const auto misfit = [](const std::string& name, const std::string& what) {
    return DataError("checkpoint: tensor '" + name + "' " + what +
                     "; the state belongs to another network, delete the checkpoint to train from "
                     "the start");
  };
  std::set<std::string> seen;
  for (const auto& [name, tensor] : state) {
    const auto it = own.find(name);
    if (it == own.end()) throw misfit(name, "is not in the network");
    if (it->second.sizes() != tensor.sizes()) throw misfit(name, "has another shape");
    seen.insert(name);
  }
  for (const auto& entry : own) {
    if (!seen.count(entry.first)) throw misfit(entry.first, "is missing");
  }
  // Only now, so that an error leaves the network as it was.
  for (const auto& [name, tensor] : state) own[name].copy_(tensor);
}

}  // namespace deneb::detail
